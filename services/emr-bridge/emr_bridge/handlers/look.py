"""Look into a message: every look is noted, and patients' data are shown only for a reason."""

from datetime import datetime
from uuid import UUID

from common import audit
from common.audit import Entry, Looker
from common.database import Transaction
from common.errors import NotFound
from common.sealing import Sealer
from emr_bridge.formats.hl7v2.marks import Kind, Mark
from emr_bridge.formats.hl7v2.naming import Line, sheet
from emr_bridge.formats.hl7v2.reader import read
from emr_bridge.handlers import receive, send
from emr_bridge.store import search

SEALED_BY = {"received": receive.seal_context, "sent": send.seal_context}


async def at_bytes(
    tx: Transaction, message_id: UUID, who: Looker, *, sealer: Sealer, now: datetime
) -> bytes:
    """Return a message as it was received or is sent."""
    await _note(tx, "message_revealed", f"message:{message_id}", who, sealer, now)
    return await _opened(tx, message_id, sealer)


async def at_sheet(
    tx: Transaction,
    message_id: UUID,
    who: Looker,
    *,
    reveal: bool,
    sealer: Sealer,
    now: datetime,
) -> tuple[Line, ...]:
    """Return a message as a sheet, what tells of a person masked unless `reveal`."""
    action = "message_revealed" if reveal else "message_viewed"
    await _note(tx, action, f"message:{message_id}", who, sealer, now)
    return sheet(read(await _opened(tx, message_id, sealer)), reveal=reveal)


async def for_patient(
    tx: Transaction, identifier: str, who: Looker, *, sealer: Sealer, now: datetime
) -> str:
    """Return by what a patient's messages are found; that they were looked for is noted."""
    digest = digest_of("patient", identifier, sealer)
    await _note(tx, "patient_searched", f"patient:{digest}", who, sealer, now)
    return digest


def digest_of(kind: Kind, number: str, sealer: Sealer) -> str:
    """Return the keyed hash of a number, by which messages that have it are found."""
    return sealer.blind_index(Mark(kind, number).text)


async def _opened(tx: Transaction, message_id: UUID, sealer: Sealer) -> bytes:
    row = await search.one(tx, message_id)
    sealed = await search.sealed_bytes(tx, row) if row else None
    if row is None or sealed is None:
        raise NotFound("no message with content has this id")
    return sealer.unseal_bytes(sealed, SEALED_BY[row["direction"]](message_id))


async def _note(
    tx: Transaction, action: str, subject: str, who: Looker, sealer: Sealer, now: datetime
) -> None:
    entry = Entry(who.actor, action, subject, who.reason, who.client)
    await audit.note(tx, entry, sealer=sealer, now=now)
