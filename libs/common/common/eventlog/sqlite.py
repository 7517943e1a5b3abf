"""The event log as one SQLite file: durable, ordered, with groups and committed offsets.

One partition per topic. Within a group one member reads; a lock that the kernel drops with the
process decides which, so that a killed reader is followed at once.
"""

import asyncio
import fcntl
import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from io import BufferedWriter
from pathlib import Path

from sqlalchemy import (
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    RowMapping,
    String,
    Table,
    func,
    insert,
    select,
)
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from common.clock import Clock, utc_now
from common.database import Database, Json, Transaction, UtcDateTime
from common.errors import Retry
from common.eventlog.port import NewRecord, Record
from common.signals import Signal

POLL_SECONDS = 0.2
"""How often a waiting reader looks for records of another process; its own process wakes it."""

metadata = MetaData()
records = Table(
    "records",
    metadata,
    Column("offset", Integer, primary_key=True, autoincrement=True),
    Column("topic", String, nullable=False),
    Column("key", String, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("headers", Json, nullable=False),
    Column("appended_at", UtcDateTime, nullable=False),
    Index("ix_records_topic_offset", "topic", "offset"),
    sqlite_autoincrement=True,
)
offsets = Table(
    "offsets",
    metadata,
    Column("group", String, primary_key=True),
    Column("topic", String, primary_key=True),
    Column("committed", Integer, nullable=False),
)


class SqliteEventLog:
    """An EventLog in a file."""

    def __init__(self, path: Path | str, *, clock: Clock = utc_now) -> None:
        """Use the file at `path`; it and its folder are made when they are not there."""
        self._path = Path(path)
        self._clock = clock
        self._db = Database(f"sqlite+aiosqlite:///{path}")
        self._appended = Signal()
        self._ready = asyncio.Lock()
        self._created = False

    async def append(self, new: Sequence[NewRecord]) -> None:
        """Append in one transaction: all or none."""
        if not new:
            return
        await self._create()
        now = self._clock()
        rows = [
            {"topic": r.topic, "key": r.key, "value": r.value, "headers": dict(r.headers)}
            | {"appended_at": now}
            for r in new
        ]
        try:
            async with self._db.begin() as tx:
                await tx.execute(insert(records), rows)
        except (OperationalError, PoolExhausted) as error:
            raise Retry("the event log did not take the records") from error
        self._appended.notify()

    @asynccontextmanager
    async def subscribe(
        self, topics: Sequence[str], *, group: str
    ) -> AsyncGenerator["SqliteSubscription"]:
        """Join a group; leaving lets the next member in."""
        await self._create()
        name = hashlib.sha256(group.encode()).hexdigest()[:16]
        with self._path.with_name(f"{self._path.name}.{name}.lock").open("wb") as lock:
            yield SqliteSubscription(self._db, self._appended, tuple(topics), group, lock)

    async def read(self, topics: Sequence[str], *, follow: bool) -> AsyncGenerator[Record]:
        """Read all records of the topics from the first on."""
        await self._create()
        after = {topic: 0 for topic in topics}
        while True:
            seen = self._appended.count
            async with self._db.read() as tx:
                batch = await _next(tx, after, limit=500)
            for record in batch:
                after[record.topic] = record.offset
                yield record
            if not batch:
                if not follow:
                    return
                await self._appended.wait(POLL_SECONDS, since=seen)

    async def lag(self, topics: Sequence[str], *, group: str) -> Mapping[str, int]:
        """Count the records after each committed offset."""
        await self._create()
        async with self._db.read() as tx:
            committed = await _committed(tx, group)
            counts = {}
            for topic in topics:
                later = (records.c.topic == topic) & (records.c.offset > committed.get(topic, 0))
                count = select(func.count()).select_from(records).where(later)
                counts[topic] = (await tx.execute(count)).scalar_one()
        return counts

    async def ping(self) -> None:
        """Read one row."""
        await self._create()
        try:
            await self._db.ping()
        except OperationalError as error:
            raise Retry("the event log does not answer") from error

    async def close(self) -> None:
        """Close the file."""
        await self._db.close()

    async def _create(self) -> None:
        async with self._ready:
            if not self._created:
                await self._db.create_all(metadata)
                self._created = True


class SqliteSubscription:
    """One member of a group on the file."""

    def __init__(
        self,
        db: Database,
        appended: Signal,
        topics: tuple[str, ...],
        group: str,
        lock: BufferedWriter,
    ) -> None:
        """Hold nothing yet: the first fetch tries to become the group's reader."""
        self._db = db
        self._appended = appended
        self._topics = topics
        self._group = group
        self._lock = lock
        self._after: dict[str, int] | None = None

    async def fetch(self, *, limit: int, timeout_seconds: float) -> Sequence[Record]:
        """Return the next records, once this member is the group's reader."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_seconds
        while True:
            seen = self._appended.count
            batch = await self._try(limit)
            left = deadline - loop.time()
            if batch or left <= 0:
                return batch
            await self._appended.wait(min(POLL_SECONDS, left), since=seen)

    async def commit(self, done: Sequence[Record]) -> None:
        """Write the highest offset of each topic."""
        highest = {r.topic: r.offset for r in sorted(done, key=lambda r: r.offset)}
        if not highest:
            return
        rows = [{"group": self._group, "topic": t, "committed": o} for t, o in highest.items()]
        statement = upsert(offsets)
        statement = statement.on_conflict_do_update(
            index_elements=["group", "topic"],
            set_={"committed": func.max(offsets.c.committed, statement.excluded.committed)},
        )
        async with self._db.begin() as tx:
            await tx.execute(statement, rows)

    async def _try(self, limit: int) -> Sequence[Record]:
        if self._after is None and not self._acquire():
            return ()
        async with self._db.read() as tx:
            if self._after is None:
                committed = await _committed(tx, self._group)
                self._after = {topic: committed.get(topic, 0) for topic in self._topics}
            batch = await _next(tx, self._after, limit=limit)
        self._after |= {r.topic: r.offset for r in batch}
        return batch

    def _acquire(self) -> bool:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


async def _committed(tx: Transaction, group: str) -> dict[str, int]:
    rows = await tx.execute(select(offsets).where(offsets.c.group == group))
    return {row.topic: row.committed for row in rows}


async def _next(tx: Transaction, after: Mapping[str, int], *, limit: int) -> list[Record]:
    batch: list[Record] = []
    for topic, offset in after.items():
        later = (records.c.topic == topic) & (records.c.offset > offset)
        query = select(records).where(later).order_by(records.c.offset).limit(limit)
        batch += [_record(row) for row in (await tx.execute(query)).mappings()]
    return sorted(batch, key=lambda record: record.offset)[:limit]


def _record(row: RowMapping) -> Record:
    return Record(
        topic=row["topic"],
        partition=0,
        offset=row["offset"],
        key=row["key"],
        value=row["value"],
        headers=row["headers"],
        appended_at=row["appended_at"],
    )
