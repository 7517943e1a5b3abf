"""Brings what waits in an outbox to the log: forgets one batch, and reads the next, while the log takes another.

What is unpublished is what is there: rows go when the log has them. A crash in between publishes twice,
and the inbox of each reader absorbs it. Every event comes this way, so it speaks SQL to the driver.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog
from pydantic_core import from_json
from sqlalchemy import delete, make_url

from common import deadletter, failpoints, metrics
from common.clock import Clock
from common.database import Database
from common.deadletter import Failure
from common.eventlog.port import EventLog, NewRecord, RecordsTooLarge
from common.sqlite_driver import SqliteConnection
from common.tables import outbox

log = structlog.get_logger()

BATCH = 500
BATCH_BYTES = 4 * 1024 * 1024
"""A batch ends with the event that reaches this."""

Row = tuple[int, str, str, bytes, str, Any]
"""Id, topic, key, value, headers as JSON, and when it was written."""


Observe = Callable[[Sequence[datetime]], None]


class Rows(Protocol):
    """An outbox as its database's driver sees it."""

    async def next(self, limit: int, *, besides: Sequence[int]) -> list[Row]:
        """Return the oldest, at most so many and so many bytes, without those of these ids."""

    async def forget(self, ids: Sequence[int]) -> None:
        """Delete and commit."""


class PostgresqlRows:
    """On a connection of asyncpg's that is the relay's own."""

    NEXT = """
        SELECT id, topic, key, value, headers::text, created_at FROM (
            SELECT *, sum(octet_length(value)) OVER (ORDER BY id) - octet_length(value) AS before
            FROM (SELECT * FROM outbox WHERE id <> ALL ($1::bigint[]) ORDER BY id LIMIT $2) AS oldest
        ) AS counted WHERE before < $3 ORDER BY id
    """
    FORGET = "DELETE FROM outbox WHERE id = ANY ($1::bigint[])"

    def __init__(self, session: Any) -> None:
        """Use the connection; it autocommits."""
        self._session = session

    async def next(self, limit: int, *, besides: Sequence[int]) -> list[Row]:
        """Return the oldest."""
        rows: list[Row] = await self._session.fetch(self.NEXT, besides, limit, BATCH_BYTES)
        return rows

    async def forget(self, ids: Sequence[int]) -> None:
        """Delete and commit."""
        await self._session.execute(self.FORGET, ids)


class SqliteRows:
    """Read on a connection of its own, deleted together with what others write."""

    NEXT = """
        SELECT id, topic, key, value, headers, created_at FROM outbox
        WHERE id NOT IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT ?
    """
    FORGET = "DELETE FROM outbox WHERE id IN (SELECT value FROM json_each(?))"

    def __init__(self, db: Database, reader: SqliteConnection) -> None:
        """Use a connection that is open."""
        self._db = db
        self._reader = reader

    async def next(self, limit: int, *, besides: Sequence[int]) -> list[Row]:
        """Return the oldest, which takes less time than to wake a thread for it."""
        found: list[Row] = []
        size = 0
        for row in self._reader.raw.execute(self.NEXT, (json.dumps(besides), limit)):
            found.append(row)
            size += len(row[3])
            if size >= BATCH_BYTES:
                break
        return found

    async def forget(self, ids: Sequence[int]) -> None:
        """Delete and commit; nobody waits for rows that are gone."""
        async with self._db.begin(wakes=False) as tx:
            await tx.exec_driver_sql(self.FORGET, (json.dumps(ids),))


@asynccontextmanager
async def sqlite_rows(db: Database) -> AsyncGenerator[SqliteRows]:
    """Open the outbox of a file."""
    path = make_url(db.url).database or ""
    reader = await SqliteConnection(path, read_only=True).open()
    try:
        yield SqliteRows(db, reader)
    finally:
        await reader.close()


@dataclass(slots=True)
class Publisher:
    """Publishes one outbox; `group` is who sets aside what the log does not take."""

    rows: Rows
    db: Database
    log: EventLog
    clock: Clock
    group: str
    observe: Observe | None = None
    batch: int = BATCH
    _ahead: list[Row] = field(default_factory=list, init=False)
    _published: list[int] = field(default_factory=list, init=False)
    """In the log, and not forgotten yet."""

    async def step(self) -> int:
        """Publish the oldest events; return how many, 0 where none wait and all are forgotten."""
        batch, self._ahead = self._ahead, []
        batch = batch or await self.rows.next(self.batch, besides=self._published)
        if not batch:
            await self.forget()
            return 0
        ids = [row[0] for row in batch]
        beside = asyncio.create_task(self._beside(ids), name="outbox-beside")
        published = False
        try:
            published = await self._publish(batch)
        finally:
            await asyncio.wait([beside])
            if not published:  # then nothing may go before these
                self._ahead = []
        beside.result()
        if published:
            self._published = ids
        return len(batch)

    async def _beside(self, ids: Sequence[int]) -> None:
        """Forget the batch before; where there is a backlog read the batch behind this one."""
        await self.forget()
        if len(ids) >= self.batch:
            self._ahead = await self.rows.next(self.batch, besides=ids)

    async def has_more(self) -> bool:
        """Publish the oldest events; return whether there may be more."""
        return await self.step() > 0

    async def forget(self) -> None:
        """Delete what the log has."""
        if self._published:
            await self.rows.forget(self._published)
            self._published = []

    async def _publish(self, batch: Sequence[Row]) -> bool:
        """Append a batch; return False where something had to be set aside instead."""
        failpoints.reach("before_publish")
        try:
            await self.log.append([_record(row) for row in batch])
        except RecordsTooLarge as found:
            await self._set_aside([batch[place] for place in found.places])
            return False
        failpoints.reach("after_publish")
        metrics.outbox_published.labels(self.group).inc(len(batch))
        if self.observe is not None:
            self.observe([_time(row[5]) for row in batch])
        return True

    async def _set_aside(self, rows: Sequence[Row]) -> None:
        """Keep what the log will never take as a dead letter, so that the rest can go on."""
        failure = Failure("record_too_large", 1, self.group)
        async with self.db.begin() as tx:
            now = self.clock()
            for row in rows:
                await deadletter.keep_unsent(tx, _place(row), _record(row), failure, now=now)
            await tx.execute(delete(outbox).where(outbox.c.id.in_([row[0] for row in rows])))
        metrics.dead_letters.labels(self.group).inc(len(rows))
        for row in rows:
            told = {"topic": row[1], "size": len(row[3]), "code": failure.code}
            log.error("event_set_aside", group=self.group, **told)


def _record(row: Row) -> NewRecord:
    return NewRecord(topic=row[1], key=row[2], value=row[3], headers=from_json(row[4]))


def _place(row: Row) -> int:
    """Return a number that stands for this row alone: ids are given again by a file that was emptied."""
    told = f"{row[0]} {row[5]} ".encode() + row[3]
    return int.from_bytes(hashlib.sha256(told).digest()[:8]) >> 1


def _time(written: Any) -> datetime:
    """Return when a row was written; SQLite keeps UTC as text."""
    if isinstance(written, datetime):
        return written
    return datetime.fromisoformat(written).replace(tzinfo=UTC)
