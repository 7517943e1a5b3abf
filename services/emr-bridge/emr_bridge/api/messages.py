"""Messages, received and sent: searched by their marks, read as a sheet or as they are.

Lists hold ids, codes and times. Patients' data are masked on a sheet unless asked for, and stand
in `/raw`; every look is noted.
"""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from common.dependencies import Now, Read, RuntimeDep, Tx
from common.errors import NotFound
from common.http import PROBLEMS
from common.moment import Moment
from emr_bridge.api.messages_schemas import (
    Filters,
    MessageDetail,
    MessageOut,
    Messages,
    PatientSearch,
    SheetOut,
    StateName,
)
from emr_bridge.api.patient_data import Anyone, Token, Trusted, trusted_looker
from emr_bridge.handlers import look
from emr_bridge.store import keys, search
from emr_bridge.store.search import Direction, Wanted

router = APIRouter(
    prefix="/v1/messages",
    tags=["messages"],
    responses={code: PROBLEMS[code] for code in (404, 422)},
)

Limit = Annotated[int, Query(ge=1, le=200)]
Text = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")]
Hash = Annotated[str | None, Query(pattern="^[0-9a-f]{64}$")]


def filters(  # noqa: PLR0913 - one parameter per filter
    *,
    direction: Direction | None = None,
    link_id: Text = None,
    clinic_id: Text = None,
    sender: Annotated[Text, Query(description="MSH-3|MSH-4 of a received message")] = None,
    control_id: Annotated[Text, Query(description="MSH-10")] = None,
    type: Annotated[Text, Query(description="MSH-9, such as REF^I12")] = None,
    state: StateName | None = None,
    referral_id: UUID | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
) -> Filters:
    """Read the filters of a search."""
    return Filters(
        direction=direction,
        link_id=link_id,
        clinic_id=clinic_id,
        sender=sender,
        control_id=control_id,
        message_type=type,
        state=state,
        referral_id=referral_id,
        since=since,
        until=until,
    )


@router.get("", summary="Search messages by their marks")
async def list_messages(
    tx: Read,
    runtime: RuntimeDep,
    given: Annotated[Filters, Depends(filters)],
    *,
    placer_number: Annotated[
        Text, Query(description="The sender's order or referral number (ORC-2, OBR-2, RF1-6, …)")
    ] = None,
    patient_hash: Annotated[
        Hash, Query(description="From a message, or from the search for a patient's number")
    ] = None,
    cursor: UUID | None = None,
    limit: Limit = 50,
) -> Messages:
    """List the newest first, without their content."""
    digest = look.digest_of("placer", placer_number, runtime.sealer) if placer_number else None
    wanted = given.wanted(placer_hash=digest, patient_hash=patient_hash)
    return await _page(tx, wanted, cursor, limit)


@router.post("/search", summary="Search a patient's messages by a number of theirs")
async def search_patient(
    body: PatientSearch, tx: Tx, runtime: RuntimeDep, who: Anyone, now: Now
) -> Messages:
    """List messages that have this number of a patient (PID-2, PID-3, PID-4, MRG-1).

    A POST, so that the number stands in no address and no log. That it was asked for is noted.
    """
    digest = await look.for_patient(
        tx, body.patient_identifier, who, sealer=runtime.sealer, now=now
    )
    return await _page(tx, body.wanted(patient_hash=digest), body.cursor, body.limit)


@router.get("/{message_id}", summary="Read what is known of a message and what became of it")
async def read_message(message_id: UUID, tx: Read) -> MessageDetail:
    """Tell ids, codes and times."""
    row = await search.one(tx, message_id)
    if row is None:
        raise NotFound("no message has this id")
    hashes = await keys.of_message(tx, message_id, "patient")
    return MessageDetail.model_validate(row | {"patient_hashes": hashes})


@router.get(
    "/{message_id}/segments",
    summary="Read a message as a table: names of fields, meanings of codes (the look is noted)",
    responses={403: PROBLEMS[403]},
)
async def read_segments(  # noqa: PLR0913 - who looks, and how
    request: Request,
    message_id: UUID,
    tx: Tx,
    runtime: RuntimeDep,
    who: Anyone,
    now: Now,
    *,
    reveal: Annotated[bool, Query(description="Show patient data; needs X-Reason")] = False,
    token: Token = None,
) -> SheetOut:
    """Show each value with its place, its name and its meaning; patient data masked."""
    if reveal:
        await trusted_looker(request, who, token)
    lines = await look.at_sheet(tx, message_id, who, reveal=reveal, sealer=runtime.sealer, now=now)
    return SheetOut.model_validate({"segments": lines, "revealed": reveal})


@router.get(
    "/{message_id}/raw",
    summary="Read a message's bytes (patient data; the look is noted)",
    response_class=Response,
    responses={
        200: {"content": {"application/hl7-v2": {}}, "description": "The bytes"},
        403: PROBLEMS[403],
    },
)
async def read_raw(
    message_id: UUID, tx: Tx, runtime: RuntimeDep, who: Trusted, now: Now
) -> Response:
    """Open the sealed bytes."""
    raw = await look.at_bytes(tx, message_id, who, sealer=runtime.sealer, now=now)
    return Response(raw, media_type="application/hl7-v2")


async def _page(tx: Read | Tx, wanted: Wanted, cursor: UUID | None, limit: int) -> Messages:
    rows = await search.page(tx, wanted, before=cursor, limit=limit + 1)
    items = [MessageOut.model_validate(row) for row in rows[:limit]]
    return Messages(items=items, next=items[-1].id if len(rows) > limit else None)
