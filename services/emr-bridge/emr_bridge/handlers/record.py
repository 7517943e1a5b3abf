"""Record what was read: each message is announced, and each of a referral type becomes one fact.

Exactly once and in their order: the transaction that appends the events takes the message off the queue.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from common import outbox, tracing
from common.database import Transaction
from common.events.emr import EmrEvent, MessageReceived, ReviewRequested
from common.rows import insert_all
from common.sealing import Sealer
from emr_bridge.domain.link import Link
from emr_bridge.domain.message import State
from emr_bridge.formats.hl7v2.header import read_header
from emr_bridge.formats.hl7v2.interpret.reading import Requested
from emr_bridge.handlers.facts import Read, facts
from emr_bridge.handlers.interpret import STRANGE, Understood, Waiting, believed
from emr_bridge.handlers.senders import senders_of
from emr_bridge.store import keys, links, messages, readings
from emr_bridge.store.keys import Key
from emr_bridge.store.messages import Correlation

log = structlog.get_logger()


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
        _record(one, sealer, now, is_announced=left[one.message.id])
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
        if believed(senders.link_of(headers[message.id]), message.link_at_door)
    }


@dataclass(frozen=True, slots=True)
class Record:
    """What is to be written of one message."""

    message: Waiting
    values: dict[str, Any]
    events: list[EmrEvent]
    correlation: Correlation | None
    traceparent: str | None


def _record(found: Understood, sealer: Sealer, now: datetime, *, is_announced: bool) -> Record:
    message, link = found.message, found.message.link
    events: list[EmrEvent] = [] if is_announced else [_received(message)]
    values = _at_door(message)
    if found.reading is None:
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
