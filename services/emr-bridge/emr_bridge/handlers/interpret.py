"""Read what was kept: each message is announced, and each of a referral type becomes one fact.

Exactly once and in their order: the row says what is still to be done, and the transaction that
appends the events says in the row that it is done.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import RowMapping

from common import outbox, tracing
from common.database import Transaction
from common.errors import CannotUnseal
from common.events.emr import EmrEvent, MessageReceived, ReviewRequested
from common.rows import insert_all
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
    Requested,
)
from emr_bridge.formats.hl7v2.reader import read
from emr_bridge.handlers.facts import Read, facts
from emr_bridge.handlers.receive import seal_context
from emr_bridge.handlers.senders import LastKnown, senders_of
from emr_bridge.store import keys, links, messages, readings
from emr_bridge.store.keys import Key
from emr_bridge.store.messages import Correlation

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
            link=_believed(senders.link_of(read_header(raws[row["id"]])), row["link_id"]),
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


async def record(
    tx: Transaction,
    understood: Sequence[Understood],
    found: Sequence[Key] = (),
    *,
    sealer: Sealer,
    now: datetime,
) -> None:
    """Write what messages became; announce each, and what it asks for, in their order.

    `found` is by what they are searched.

    Each is announced once and read once: what another worker has recorded is passed over.
    """
    known = await _known_by_now(tx, understood)
    ids = [one.message.id for one in understood]
    left = await readings.take(tx, [one for one in ids if one not in known])
    records = [
        _record(one, left[one.message.id], sealer, now)
        for one in understood
        if one.message.id in left
    ]
    told = [(event, one.traceparent) for one in records for event in one.events]
    traces = [trace for _, trace in told]
    await insert_all(
        tx,
        readings.rows_of([one.values for one in records]),
        messages.correlated([c for one in records if (c := one.correlation)], now=now),
        keys.rows_of(found),
        outbox.waiting(tx, [event for event, _ in told], traces=traces, now=now),
        only_new=keys.TABLES,
    )
    for one in records:
        _note(one)


async def _known_by_now(tx: Transaction, understood: Sequence[Understood]) -> set[UUID]:
    """Return the messages whose sender was registered while they were read: they are read again.

    Links do not change until the commit, so that none is given to a person in spite of its link.
    """
    strange = [found.message for found in understood if found.reading == STRANGE]
    if not strange:
        return set()
    await links.hold(tx)
    headers = {message.id: read_header(message.raw) for message in strange}
    senders = await senders_of(tx, headers.values())
    return {
        message.id
        for message in strange
        if _believed(senders.link_of(headers[message.id]), message.link_at_door)
    }


def _believed(link: Link | None, at_door: str | None) -> Link | None:
    """Return the link that a message names, if it may: a guarded one is believed at its door alone.

    Who sent a message is not known any more when it is read.
    """
    return None if link is not None and link.is_guarded and link.id != at_door else link


@dataclass(frozen=True, slots=True)
class Record:
    """What is to be written of one message."""

    message: Waiting
    values: dict[str, Any]
    events: list[EmrEvent]
    correlation: Correlation | None
    traceparent: str | None


def _record(found: Understood, row: Mapping[str, Any], sealer: Sealer, now: datetime) -> Record:
    message, link = found.message, found.message.link
    events: list[EmrEvent] = [] if row["announced"] else [_received(message)]
    values = _at_door(message)
    if found.reading is None or row["state"] != State.RECEIVED:
        return Record(message, values, events, None, found.traceparent)
    told = facts(_read(found), found.reading, sealer=sealer, now=now)
    event = told[-1]
    doubt = event.reason if isinstance(event, ReviewRequested) else None
    values |= {
        "state": State.REVIEW if doubt else State.INTERPRETED,
        "reason": doubt,
        "became": event.type,
        "repairs": list(found.repairs),
        "interpreted_at": now,
    }
    if link is not None:
        values |= {"link_id": link.id, "clinic_id": link.clinic_id}
    correlation = None
    if link is not None and isinstance(found.reading, Requested):
        correlation = _correlation(message, found.reading, link, sealer)
    return Record(message, values, [*events, *told], correlation, found.traceparent)


def _at_door(message: Waiting) -> dict[str, Any]:
    """Return what is written of a message that is not read: what was decided when it came."""
    return {
        "message_id": message.id,
        "state": message.state,
        "reason": message.reason,
        "became": None,
        "repairs": [],
        "interpreted_at": None,
        "link_id": message.link_at_door,
        "clinic_id": message.clinic_at_door,
        "sender": message.sender,
        "control_id": message.control_id,
        "message_type": message.message_type,
        "received_at": message.received_at,
    }


def _read(found: Understood) -> Read:
    message, link = found.message, found.message.link
    return Read(
        message_id=message.id,
        sender=message.sender,
        message_type=message.message_type,
        received_at=message.received_at,
        clinic_id=link.clinic_id if link else None,
        link_id=link.id if link else None,
        repairs=found.repairs,
    )


def correlation_context(message_id: UUID) -> str:
    """Return what binds sealed patient numbers to their row."""
    return f"correlation:{message_id}"


def _received(message: Waiting) -> MessageReceived:
    """Tell of a message as it was kept; whoever kept it did not."""
    return MessageReceived(
        occurred_at=message.received_at,
        message_id=message.id,
        sender=message.sender,
        link_id=message.link_at_door,
        message_type=message.message_type,
        control_id=message.control_id,
    )


def _correlation(message: Waiting, reading: Requested, link: Link, sealer: Sealer) -> Correlation:
    context = correlation_context(message.id)
    return Correlation(
        message_id=message.id,
        clinic_id=link.clinic_id,
        link_id=link.id,
        placer=reading.placer,
        patient_ids=sealer.seal_bytes(reading.patient_ids.encode(), context),
        provider=sealer.seal_bytes(reading.provider.encode(), f"{context}:provider"),
    )


def _note(written: Record) -> None:
    message, values = written.message, written.values
    log.info(
        "message_read",
        message_id=str(message.id),
        link=values["link_id"],
        message_type=message.message_type,
        state=values["state"].value,
        reason=values["reason"],
        trace_id=tracing.trace_id_of(written.traceparent),
    )
