"""Messages as they came in. Only `/raw` holds patient data."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from common.dependencies import Read, RuntimeDep
from common.errors import NotFound
from common.http import PROBLEMS
from emr_bridge.api.schemas import MessageOut, Messages
from emr_bridge.domain.message import State
from emr_bridge.handlers.receive import seal_context
from emr_bridge.store import overview
from emr_bridge.store.overview import Wanted

router = APIRouter(
    prefix="/v1/messages",
    tags=["messages"],
    responses={code: PROBLEMS[code] for code in (404, 422)},
)

Limit = Annotated[int, Query(ge=1, le=200)]
Text = Annotated[str | None, Query(max_length=200)]


@router.get("", summary="Search messages by control id, sender, type and state")
async def list_messages(  # noqa: PLR0913 - one parameter per filter
    tx: Read,
    *,
    control_id: Text = None,
    sender: Text = None,
    type: Text = None,
    state: State | None = None,
    clinic_id: Text = None,
    cursor: UUID | None = None,
    limit: Limit = 50,
) -> Messages:
    """List the newest first, without their content."""
    wanted = Wanted(control_id, sender, type, state, clinic_id)
    rows = await overview.messages_page(tx, wanted, before=cursor, limit=limit + 1)
    items = [MessageOut.model_validate(row) for row in rows[:limit]]
    return Messages(items=items, next_cursor=items[-1].id if len(rows) > limit else None)


@router.get("/{message_id}", summary="Read what is known of a message and what became of it")
async def read_message(message_id: UUID, tx: Read) -> MessageOut:
    """Tell ids, codes and times."""
    return MessageOut.model_validate(await _found(tx, message_id))


@router.get(
    "/{message_id}/raw",
    summary="Read a message's bytes as they were received (patient data)",
    response_class=Response,
    responses={200: {"content": {"application/hl7-v2": {}}, "description": "The bytes"}},
)
async def read_raw(message_id: UUID, tx: Read, runtime: RuntimeDep) -> Response:
    """Open the sealed bytes."""
    await _found(tx, message_id)
    sealed = await overview.sealed_bytes(tx, message_id)
    raw = runtime.sealer.unseal_bytes(sealed, seal_context(message_id))
    return Response(raw, media_type="application/hl7-v2")


async def _found(tx: Read, message_id: UUID) -> overview.Row:
    row = await overview.message(tx, message_id)
    if row is None:
        raise NotFound("no message has this id")
    return row
