"""Messages that we send, and what a person does with one that was refused. Only `/raw` holds patient data."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from common.dependencies import Now, Read, RuntimeDep, Tx
from common.errors import NotFound
from common.http import PROBLEMS
from emr_bridge.api.actor import Actor
from emr_bridge.api.outbound_schemas import (
    Edited,
    OutboundDetail,
    OutboundMessages,
    OutboundOut,
    Why,
)
from emr_bridge.api.patient_data import Trusted
from emr_bridge.domain.outgoing import OutState
from emr_bridge.handlers import parked
from emr_bridge.handlers.parked import By
from emr_bridge.store import sent
from emr_bridge.store.sent import Asked

router = APIRouter(
    prefix="/v1/outbound",
    tags=["outbound"],
    responses={code: PROBLEMS[code] for code in (404, 422)},
)

Limit = Annotated[int, Query(ge=1, le=200)]
Text = Annotated[str | None, Query(max_length=400, pattern=r"^[^\x00]*$")]
CONFLICTS: dict[int | str, dict[str, Any]] = {409: PROBLEMS[409]}


@router.get("", summary="Search what was sent, or waits, or is parked")
async def list_outbound(  # noqa: PLR0913 - one parameter per filter
    tx: Read,
    *,
    state: OutState | None = None,
    link_id: Text = None,
    clinic_id: Text = None,
    referral_id: UUID | None = None,
    control_id: Text = None,
    cursor: UUID | None = None,
    limit: Limit = 50,
) -> OutboundMessages:
    """List the newest first, without their content; `state=parked` is what waits for a person."""
    asked = Asked(state, link_id, clinic_id, referral_id, control_id)
    rows = await sent.page(tx, asked, before=cursor, limit=limit + 1)
    items = [OutboundOut.model_validate(row) for row in rows[:limit]]
    more = items[-1].id if len(rows) > limit else None
    return OutboundMessages(items=items, next=more)


@router.get("/{outbound_id}", summary="Read a message's attempts, and why it is parked")
async def read_outbound(outbound_id: UUID, tx: Read) -> OutboundDetail:
    """Tell ids, codes and times."""
    return await _told(tx, outbound_id)


@router.get(
    "/{outbound_id}/raw",
    summary="Read a message's bytes as they are sent (patient data; the look is noted)",
    response_class=Response,
    responses={
        200: {"content": {"application/hl7-v2": {}}, "description": "The bytes"},
        403: PROBLEMS[403],
    },
)
async def read_outbound_raw(
    outbound_id: UUID, tx: Tx, runtime: RuntimeDep, who: Trusted, now: Now
) -> Response:
    """Open the sealed bytes."""
    by = By(who.actor, who.reason or "")
    raw = await parked.look(tx, outbound_id, by, sealer=runtime.sealer, now=now)
    return Response(raw, media_type="application/hl7-v2")


@router.post(
    "/{outbound_id}/replay", summary="Send a parked message once more", responses=CONFLICTS
)
async def replay(
    outbound_id: UUID, body: Why, tx: Tx, runtime: RuntimeDep, actor: Actor, now: Now
) -> OutboundDetail:
    """Send the same bytes under the same MSH-10: the cause was on the other side."""
    by = By(actor, body.reason)
    await parked.replay(tx, outbound_id, by, sealer=runtime.sealer, now=now)
    return await _told(tx, outbound_id)


@router.post("/{outbound_id}/edit", summary="Send a parked message as edited", responses=CONFLICTS)
async def edit(
    outbound_id: UUID, body: Edited, tx: Tx, runtime: RuntimeDep, actor: Actor, now: Now
) -> OutboundDetail:
    """Send other bytes under a new MSH-10. What it said before is kept."""
    by = By(actor, body.reason)
    await parked.edit(tx, outbound_id, body.message, by, sealer=runtime.sealer, now=now)
    return await _told(tx, outbound_id)


@router.post("/{outbound_id}/give-up", summary="Leave a parked message", responses=CONFLICTS)
async def give_up(
    outbound_id: UUID, body: Why, tx: Tx, runtime: RuntimeDep, actor: Actor, now: Now
) -> OutboundDetail:
    """End it: the clinic's next channel has the notice since it was parked."""
    by = By(actor, body.reason)
    await parked.give_up(tx, outbound_id, by, sealer=runtime.sealer, now=now)
    return await _told(tx, outbound_id)


async def _told(tx: Read | Tx, outbound_id: UUID) -> OutboundDetail:
    row = await sent.one(tx, outbound_id)
    if row is None:
        raise NotFound("no message has this id")
    return OutboundDetail.model_validate(row)
