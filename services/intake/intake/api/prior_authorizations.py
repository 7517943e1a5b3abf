"""Prior authorizations of a referral, put by the id that the caller chose."""

from uuid import UUID

from fastapi import APIRouter

from common.http import PROBLEMS
from intake.api.bodies import PriorAuthorizationIn
from intake.api.given import OrderDep
from intake.api.shapes import ReferralOut
from intake.domain.authorizing import PaChange
from intake.domain.prior_authorization import AppealLevel
from intake.handlers import authorize

router = APIRouter(
    prefix="/v1/referrals/{referral_id}/prior-authorizations",
    tags=["commands"],
    responses=PROBLEMS,
)

NOT_DETAILS = {"state", "benefit", "level"}


@router.put("/{pa_id}", summary="Open or move a prior authorization")
async def put(pa_id: UUID, body: PriorAuthorizationIn, order: OrderDep) -> ReferralOut:
    """Put the authorization into a state.

    A new id opens one (`not_required` or `required_not_started`, with its benefit) and moves an
    accepted referral into `prior_authorization`; a known id moves it along its table
    (GET /v1/state-machine). Fields that are left out are kept. The same again changes nothing.
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
