"""Webhooks of a clinic: sending again what its endpoint missed."""

from typing import Annotated

from fastapi import APIRouter, Query

from common.dependencies import Now, Tx
from common.idempotency import IdempotentRoute
from common.moment import Moment
from notifications.api.given import Actor, GivenDep
from notifications.api.queries import ClinicId
from notifications.api.refusals import CHANGING, refusals
from notifications.api.schemas import Replay, Replayed
from notifications.handlers.replay import replay_webhooks
from notifications.store.deliveries import Request

router = APIRouter(
    prefix="/v1/clinics",
    tags=["webhooks"],
    route_class=IdempotentRoute,
    responses=refusals(*CHANGING),
)

REPLAY = "webhook replay"


@router.post("/{clinic_id}/webhook/replay", summary="Send missed webhooks again")
async def replay(
    clinic_id: ClinicId,
    since: Annotated[Moment, Query(examples=["2026-03-02T00:00:00Z"])],
    actor: Actor,
    tx: Tx,
    given: GivenDep,
    now: Now,
    body: Replay | None = None,
) -> Replayed:
    """Begin again each notice since then whose webhook failed and that the clinic does not have.

    An endpoint that had answered 410 is called again.
    """
    request = Request(by=actor, reason=body.reason if body else REPLAY)
    begun = await replay_webhooks(
        tx, clinic_id, since=since, request=request, means=given.means, now=now
    )
    return Replayed(begun=begun)
