"""What a person does with a message that was refused: mend it, send it again, or give it up.

Who and why stands in the audit, in the same transaction.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import RowMapping

from common import audit
from common.audit import Entry
from common.database import Transaction
from common.errors import Conflict, FieldError, Invalid, NotFound
from common.ids import new_id
from common.sealing import Sealer
from emr_bridge.domain.outgoing import REPORT, OutState
from emr_bridge.formats.hl7v2.ack import control_id_of
from emr_bridge.formats.hl7v2.edited import edited
from emr_bridge.handlers.send import seal_context
from emr_bridge.store import condition, links, outbound

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class By:
    """Who does it, and why."""

    actor: str
    reason: str | None = None


async def replay(
    tx: Transaction, outbound_id: UUID, by: By, *, sealer: Sealer, now: datetime
) -> None:
    """Send a parked message once more: the same bytes under the same MSH-10."""
    row = await _parked(tx, outbound_id)
    await _queue(tx, row, {}, now=now)
    await _note(tx, row, "message_replayed", by, sealer=sealer, now=now)


async def edit(
    tx: Transaction, outbound_id: UUID, text: str, by: By, *, sealer: Sealer, now: datetime
) -> None:
    """Send what a person made of a parked message, under a new MSH-10; what it said before is kept.

    Refused unless it is the same kind of message from and to the same, with all that it must have.
    """
    row = await _parked(tx, outbound_id)
    before = sealer.unseal_bytes(row["message"], seal_context(row["id"]))
    link = await links.sendable(tx, row["link_id"])
    if link is None:
        raise Conflict("the clinic has taken the link away")
    control_id = control_id_of(new_id())
    made = edited(before, text, control_id=control_id, charset=link.charset)
    if isinstance(made, tuple):
        faults = [FieldError("/message", f"{place} is missing, wrong or changed") for place in made]
        raise Invalid("the message cannot be sent like this", errors=faults)
    await outbound.keep_revision(tx, row, by=by.actor, now=now)
    sealed = sealer.seal_bytes(made, seal_context(row["id"]))
    values = {"message": sealed, "control_id": control_id, "revision": row["revision"] + 1}
    await _queue(tx, row, values, now=now)
    detail = {"was": row["control_id"], "is": control_id}
    await _note(tx, row, "message_edited", by, detail=detail, sealer=sealer, now=now)


async def give_up(
    tx: Transaction, outbound_id: UUID, by: By, *, sealer: Sealer, now: datetime
) -> None:
    """Leave a parked message for good. The clinic's next channel was told when it was parked."""
    row = await _parked(tx, outbound_id)
    values = {"state": OutState.REFUSED, "ended_at": now}
    await outbound.write(tx, row, values, state=OutState.PARKED)
    await condition.let_go(tx, row["link_id"])
    await _note(tx, row, "message_given_up", by, sealer=sealer, now=now)


async def look(
    tx: Transaction, outbound_id: UUID, by: By, *, sealer: Sealer, now: datetime
) -> bytes:
    """Return what a message says; the look is noted."""
    row = await outbound.find(tx, outbound_id)
    if row is None or row["message"] is None:
        raise NotFound("no message with content has this id")
    await _note(tx, row, "message_looked_at", by, sealer=sealer, now=now)
    return sealer.unseal_bytes(row["message"], seal_context(row["id"]))


async def resume(tx: Transaction, link_id: str, by: By, *, sealer: Sealer, now: datetime) -> None:
    """Send over a link again at once: its configuration was put right, or nobody need be waited for."""
    if not await condition.resume(tx, link_id):
        raise NotFound("no link has this id")
    entry = Entry(by.actor, "link_resumed", f"link:{link_id}", by.reason)
    await audit.note(tx, entry, sealer=sealer, now=now)
    log.info("link_resumed", link=link_id, actor=by.actor)


async def _parked(tx: Transaction, outbound_id: UUID) -> RowMapping:
    row = await outbound.find(tx, outbound_id)
    if row is None:
        raise NotFound("no message has this id")
    if row["state"] == OutState.WITHDRAWN:
        raise Conflict("the clinic has this notice by another way")
    if row["state"] != OutState.PARKED:
        raise Conflict(f"the message is {row['state']}, not parked")
    return row


async def _queue(
    tx: Transaction, row: RowMapping, values: dict[str, Any], *, now: datetime
) -> None:
    """Put a message at its place in the queue again; what was given up with it comes along."""
    again = {
        "state": OutState.WAITING,
        "tries": 0,
        "replayed_at": now,
        "next_attempt_at": now,
        "ended_at": None,
        "application_answer": None,
    }
    await outbound.write(tx, row, again | values, state=OutState.PARKED)
    if row["part"] == REPORT:
        await outbound.take_up_rest(tx, row["delivery_id"], now)
    await condition.let_go(tx, row["link_id"])


async def _note(
    tx: Transaction,
    row: RowMapping,
    action: str,
    by: By,
    *,
    detail: dict[str, Any] | None = None,
    sealer: Sealer,
    now: datetime,
) -> None:
    entry = Entry(by.actor, action, f"outbound:{row['id']}", by.reason, detail=detail or {})
    await audit.note(tx, entry, sealer=sealer, now=now)
    log.info(
        "outbound_changed",
        kind=action,
        link=row["link_id"],
        control_id=row["control_id"],
        actor=by.actor,
    )
