"""Events that wait, in the transaction that made them, to be brought to the log (common.publishing)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from common import tracing
from common.database import Transaction, events_wait
from common.events.envelope import Envelope, Event
from common.ids import new_id
from common.rows import Rows, insert_all
from common.tables import outbox


async def append(tx: Transaction, event: Event, *, now: datetime) -> UUID:
    """Put an event beside the change that it tells of; return its id."""
    envelope = Envelope.of(event, now=now, traceparent=tracing.current())
    await _put(tx, [_row(envelope, event, now)])
    return envelope.id


async def append_all(
    tx: Transaction,
    events: Sequence[Event],
    *,
    traces: Sequence[str | None] | None = None,
    now: datetime,
) -> None:
    """Put many events, in this order, in one statement; `traces` says whose each is, if not ours."""
    await insert_all(tx, waiting(tx, events, traces=traces, now=now))


def waiting(
    tx: Transaction,
    events: Sequence[Event],
    *,
    traces: Sequence[str | None] | None = None,
    now: datetime,
) -> Rows:
    """Return the rows of events, for a caller that inserts them in this transaction with its own."""
    pairs = zip(events, traces or [tracing.current()] * len(events), strict=True)
    made = [(Envelope.of(one, now=now, traceparent=trace), one) for one, trace in pairs]
    if made:
        events_wait(tx)
    return outbox, [_row(envelope, event, now) for envelope, event in made]


async def append_raw(
    tx: Transaction,
    topic: str,
    key: str,
    value: bytes,
    headers: Mapping[str, str],
    *,
    now: datetime,
) -> None:
    """Put a record's bytes on another topic unchanged (dead letters)."""
    row = {"event_id": new_id(), "topic": topic, "key": key, "value": value}
    await _put(tx, [row | {"headers": dict(headers), "created_at": now}])


async def _put(tx: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    await insert_all(tx, (outbox, rows))
    events_wait(tx)


def _row(envelope: Envelope, event: Event, now: datetime) -> dict[str, Any]:
    headers = {
        "content-type": "application/cloudevents+json",
        "ce_id": str(envelope.id),
        "ce_type": envelope.type,
        "ce_subject": envelope.subject,
    }
    if envelope.traceparent is not None:
        headers[tracing.HEADER] = envelope.traceparent
    return {
        "event_id": envelope.id,
        "topic": event.topic,
        "key": envelope.subject,
        "value": envelope.to_bytes(),
        "headers": headers,
        "created_at": now,
    }
