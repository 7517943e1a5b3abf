"""Events that wait, in the transaction that made them, to be brought to the log; and the relay that does so.

What is unpublished is what is there: rows go when the log has them. A crash in between publishes twice,
and the inbox of each reader absorbs it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select

from common import failpoints, tracing
from common.database import Database, Transaction, events_wait
from common.eventlog.port import EventLog, NewRecord
from common.events.envelope import Envelope, Event
from common.ids import new_id
from common.tables import outbox

BATCH = 500


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
    if events:
        pairs = zip(events, traces or [tracing.current()] * len(events), strict=True)
        made = [(Envelope.of(one, now=now, traceparent=trace), one) for one, trace in pairs]
        await _put(tx, [_row(envelope, event, now) for envelope, event in made])


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
    await tx.execute(insert(outbox), rows)
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


async def drain(
    db: Database,
    log: EventLog,
    *,
    batch: int = BATCH,
    observe: Callable[[Sequence[datetime]], None] | None = None,
) -> bool:
    """Publish the oldest unpublished events, then forget them; return whether there may be more.

    `observe` is told when the events that are in the log now were written.
    """
    async with db.read() as tx:
        rows = (await tx.execute(select(outbox).order_by(outbox.c.id).limit(batch))).all()
    if not rows:
        return False
    failpoints.reach("before_publish")
    await log.append(
        [NewRecord(topic=r.topic, key=r.key, value=r.value, headers=r.headers) for r in rows]
    )
    failpoints.reach("after_publish")
    if observe is not None:
        observe([r.created_at for r in rows])
    async with db.begin() as tx:
        await tx.execute(delete(outbox).where(outbox.c.id.in_([r.id for r in rows])))
    return True
