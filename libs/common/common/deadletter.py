"""Records that a person must look at: kept with their bytes and a reason, and replayed by an audited command."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, select, update

from common import inbox, outbox, tracing
from common.database import Transaction, insert_new
from common.errors import Conflict, NotFound
from common.eventlog.port import NewRecord, Record
from common.events import registry
from common.ids import new_id
from common.tables import dead_letters
from common.verdicts import Handlers

UNSENT = -1
"""The partition of a dead letter that never was in the log: its replay puts it into the outbox again."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a group set a record aside: a code, never an error's text, which may name a person."""

    code: str
    attempts: int
    group: str


async def set_aside(tx: Transaction, record: Record, failure: Failure, *, now: datetime) -> bool:
    """Keep the record and tell the dead-letter topic; return False where it was kept before."""
    if not await _keep(tx, record, failure, now=now):
        return False
    headers = dict(record.headers) | _told(record, failure, now)
    await outbox.append_raw(tx, f"{record.topic}.dlq", record.key, record.value, headers, now=now)
    return True


async def keep_unsent(
    tx: Transaction, place: int, record: NewRecord, failure: Failure, *, now: datetime
) -> None:
    """Keep what the log does not take, once for each `place`; the dead-letter topic would not take it either."""
    unsent = Record(
        topic=record.topic,
        partition=UNSENT,
        offset=place,
        key=record.key,
        value=record.value,
        headers=record.headers,
        appended_at=now,
    )
    await _keep(tx, unsent, failure, now=now)


async def _keep(tx: Transaction, record: Record, failure: Failure, *, now: datetime) -> bool:
    row = {
        "id": new_id(),
        "topic": record.topic,
        "partition": record.partition,
        "record_offset": record.offset,
        "key": record.key,
        "value": record.value,
        "headers": dict(record.headers),
        "code": failure.code,
        "attempts": failure.attempts,
        "failed_at": now,
    }
    new = insert_new(tx, dead_letters).values(row).returning(dead_letters.c.id)
    return (await tx.execute(new)).scalar_one_or_none() is not None


def _told(record: Record, failure: Failure, now: datetime) -> dict[str, str]:
    return {
        "dlq-original-topic": record.topic,
        "dlq-original-partition": str(record.partition),
        "dlq-original-offset": str(record.offset),
        "dlq-error-code": failure.code,
        "dlq-attempts": str(failure.attempts),
        "dlq-consumer-group": failure.group,
        "dlq-first-failed-at": now.isoformat(),
        "dlq-original-timestamp": record.appended_at.isoformat(),
    }


async def waiting(tx: Transaction) -> list[RowMapping]:
    """Return the dead letters that nobody has replayed, oldest first."""
    query = select(dead_letters).where(dead_letters.c.replayed_at.is_(None))
    return list((await tx.execute(query.order_by(dead_letters.c.failed_at))).mappings())


async def replay(
    tx: Transaction, letter_id: UUID, handlers: Handlers, *, by: str, reason: str, now: datetime
) -> None:
    """Handle a dead letter again, or send it where it never was sent, once; who did so and why stays with it.

    An event that was handled meanwhile (it came a second time) is not handled again. Raises
    NotFound, or Conflict when it was replayed before; what the handler raises rolls back.
    """
    query = select(dead_letters).where(dead_letters.c.id == letter_id)
    letter = (await tx.execute(query)).mappings().one_or_none()
    if letter is None:
        raise NotFound(f"no dead letter {letter_id}")
    told = {"replayed_at": now, "replayed_by": by, "replay_reason": reason}
    fresh = (dead_letters.c.id == letter_id) & dead_letters.c.replayed_at.is_(None)
    if (await tx.execute(update(dead_letters).where(fresh).values(told))).rowcount != 1:
        raise Conflict(f"dead letter {letter_id} was replayed before")
    if letter["partition"] == UNSENT:
        topic, key, value = letter["topic"], letter["key"], letter["value"]
        await outbox.append_raw(tx, topic, key, value, letter["headers"], now=now)
        return
    envelope, event = registry.read(letter["value"], only=handlers)
    if event is None:
        return
    if await inbox.first_sight(tx, {envelope.id: letter["topic"]}, now=now):
        came_with = letter["headers"].get(tracing.HEADER)
        with tracing.span(f"replay {envelope.type}", parent=came_with, event_id=envelope.id):
            await handlers[type(event)](tx, event, now)
