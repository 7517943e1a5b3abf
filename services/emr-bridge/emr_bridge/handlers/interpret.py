"""Read what was kept: each message becomes what its sender meant, or a doubt. Writes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import RowMapping

from common import tracing
from common.database import Transaction
from common.errors import CannotUnseal
from common.sealing import Sealer
from emr_bridge.domain.link import Link
from emr_bridge.domain.message import UNKNOWN_SENDER, State
from emr_bridge.formats.hl7v2 import interpret as hl7
from emr_bridge.formats.hl7v2.header import read_header
from emr_bridge.formats.hl7v2.interpret.overrides import NONE, Overrides
from emr_bridge.formats.hl7v2.interpret.reading import (
    CancellationAsked,
    Doubtful,
    Reading,
)
from emr_bridge.formats.hl7v2.reader import read
from emr_bridge.handlers.receive import seal_context
from emr_bridge.handlers.senders import LastKnown
from emr_bridge.store import readings

log = structlog.get_logger()

STRANGE = Doubtful(UNKNOWN_SENDER)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A kept message to be read or announced, and the link that it came by, if we know one."""

    id: UUID
    raw: bytes
    sender: str
    control_id: str
    message_type: str
    state: State
    received_at: datetime
    link: Link | None
    link_at_door: str | None = None
    clinic_at_door: str | None = None
    reason: str | None = None
    """Why it was refused, if it was."""
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Understood:
    """What a message turned out to be, and what had to be repaired to read it."""

    message: Waiting
    reading: Reading | None
    """None for one that we do not take: it is only announced."""
    repairs: tuple[str, ...] = ()
    traceparent: str | None = None
    """Where the reading stands in the message's trace: what it asks for goes on from there."""


@dataclass(frozen=True, slots=True)
class Oldest:
    """The oldest messages that wait; `is_all` where no other does."""

    messages: Sequence[Waiting]
    is_all: bool


async def waiting(tx: Transaction, *, sealer: Sealer, known: LastKnown | None = None) -> Oldest:
    """Return the oldest messages that were not read or not announced yet.

    The sender is looked up again: a clinic may have been registered since. One that does not open
    waits and lets the others by; CannotUnseal where none of them opens.
    """
    oldest = await readings.waiting(tx)
    if not oldest.rows:
        return Oldest((), oldest.is_all)
    raws = _opened(oldest.rows, sealer)
    senders = await (known or LastKnown()).at(tx, oldest.links_revision)
    found = [
        Waiting(
            id=row["id"],
            raw=raws[row["id"]],
            sender=row["sender"],
            control_id=row["control_id"],
            message_type=row["message_type"],
            state=State(row["state"]),
            received_at=row["received_at"],
            link=believed(senders.link_of(read_header(raws[row["id"]])), row["link_id"]),
            link_at_door=row["link_id"],
            clinic_at_door=row["clinic_id"],
            reason=row["reason"],
            traceparent=row["traceparent"],
        )
        for row in oldest.rows
        if row["id"] in raws
    ]
    return Oldest(found, oldest.is_all)


def _opened(rows: Sequence[RowMapping], sealer: Sealer) -> dict[UUID, bytes]:
    """Return the bytes of those that open.

    A key that is missing is put back by a person: a message must not be given up for its sake.
    """
    raws: dict[UUID, bytes] = {}
    failed: CannotUnseal | None = None
    for row in rows:
        try:
            raws[row["id"]] = sealer.unseal_bytes(row["raw"], seal_context(row["id"]))
        except CannotUnseal as error:
            failed = error
    if failed and not raws:
        raise failed
    if failed:
        log.warning("messages_not_opened", count=len(rows) - len(raws), code=failed.code)
    return raws


def understand(message: Waiting) -> Understood:
    """Read one message; nothing in it can stop the others."""
    with tracing.span("interpret message", parent=message.traceparent) as span:
        found = _understand(message)
        span.note(message_id=message.id, state=message.state.value)
        return replace(found, traceparent=span.traceparent)


def _understand(message: Waiting) -> Understood:
    if message.state is not State.RECEIVED:
        return Understood(message, None)
    if message.link is None:
        return Understood(message, STRANGE)
    try:
        parsed = read(message.raw, default_charset=message.link.charset)
        reading = hl7.interpret(parsed, _overrides(message.link))
        amiss = () if isinstance(reading, Doubtful | CancellationAsked) else reading.found.findings
        return Understood(message, reading, (*parsed.repairs, *amiss))
    except Exception as error:
        log.warning("interpretation_failed", message_id=str(message.id), exc_info=error)
        return Understood(message, Doubtful("interpretation_failed"))


def _overrides(link: Link) -> Overrides:
    dialect = link.dialect
    if not (dialect.overrides or dialect.code_sets):
        return NONE
    return Overrides.parse(dialect.overrides, dialect.code_sets)


def believed(link: Link | None, at_door: str | None) -> Link | None:
    """Return the link that a message names, if it may: a guarded one is believed at its door alone.

    Who sent a message is not known any more when it is read.
    """
    return None if link is not None and link.is_guarded and link.id != at_door else link
