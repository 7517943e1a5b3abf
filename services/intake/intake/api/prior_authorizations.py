"""Prior authorizations of a referral, put by the id that the caller chose."""

from uuid import UUID

from fastapi import APIRouter

from common.dependencies import Read
from common.errors import NotFound
from intake.api import views
from intake.api.bodies import PriorAuthorizationIn
from intake.api.given import DeskDep, OrderDep
from intake.api.refusals import COMMANDING, READING
from intake.api.shapes import PriorAuthorizationOut, ReferralOut
from intake.domain.authorizing import PaChange
from intake.domain.prior_authorization import AppealLevel
from intake.handlers import authorize
from intake.store import referrals

router = APIRouter(
    prefix="/v1/referrals/{referral_id}/prior-authorizations",
    tags=["commands"],
)

NOT_DETAILS = {"state", "benefit", "level"}


@router.put("/{pa_id}", summary="Open or move a prior authorization", responses=COMMANDING)
async def put(pa_id: UUID, body: PriorAuthorizationIn, order: OrderDep) -> ReferralOut:
    """Put the authorization into a state.

    A new id opens one (`not_required` or `required_not_started`, with its benefit); what is
    required moves an accepted referral into `prior_authorization`. A known id moves it along its
    table (GET /v1/state-machine). Fields that are left out are kept, but what was said of a
    decision ends with it. The same again changes nothing.
    """
    change = PaChange(
        id=pa_id,
        state=body.state,
        benefit=body.benefit,
        level=AppealLevel(body.level) if body.level else None,
    )
    said = body.model_dump(exclude_unset=True, exclude=NOT_DETAILS)
    await authorize.put(order.tx, order.desk, order.target, change, said=said, now=order.now)
    return await order.answer()


@router.get("/{pa_id}", summary="Read a prior authorization", responses=READING)
async def get(referral_id: UUID, pa_id: UUID, tx: Read, desk: DeskDep) -> PriorAuthorizationOut:
    """Return one authorization of a referral, also one that was replaced."""
    kept = await referrals.get(tx, desk.sealer, referral_id)
    found = next((pa for pa in kept.referral.authorizations if pa.id == pa_id), None)
    if found is None:
        raise NotFound("the referral has no prior authorization with this id")
    return views.authorization(found)
