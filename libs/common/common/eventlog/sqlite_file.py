"""The file of the embedded event log: its tables, one connection that writes, one that reads.

Every hop of every event goes through here, so it speaks SQL to the driver. Who writes at the same time
shares a commit; reading by offset takes less time than waking a thread and is done where it is awaited.
"""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common.errors import Retry
from common.eventlog.port import NewRecord, Record
from common.sqlite_driver import SqliteConnection

RECORDS = """
    CREATE TABLE IF NOT EXISTS records (
        "offset" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        topic VARCHAR NOT NULL,
        key VARCHAR NOT NULL,
        value BLOB NOT NULL,
        headers JSON NOT NULL,
        appended_at DATETIME NOT NULL
    )"""
BY_TOPIC = 'CREATE INDEX IF NOT EXISTS ix_records_topic_offset ON records (topic, "offset")'
OFFSETS = """
    CREATE TABLE IF NOT EXISTS offsets (
        "group" VARCHAR NOT NULL,
        topic VARCHAR NOT NULL,
        committed INTEGER NOT NULL,
        PRIMARY KEY ("group", topic)
    )"""
APPEND = "INSERT INTO records (topic, key, value, headers, appended_at) VALUES (?, ?, ?, ?, ?)"
COMMIT = (
    'INSERT INTO offsets ("group", topic, committed) VALUES (?, ?, ?) ON CONFLICT DO UPDATE'
    " SET committed = max(committed, excluded.committed)"
)
COMMITTED = 'SELECT topic, committed FROM offsets WHERE "group" = ?'
NEXT = (
    'SELECT topic, "offset", key, value, headers, appended_at FROM records'
    ' WHERE topic = ? AND "offset" > ? ORDER BY "offset" LIMIT ?'
)
COUNT = 'SELECT count(*) FROM records WHERE topic = ? AND "offset" > ?'

FETCH_BYTES = 1024 * 1024
"""About so much of a topic is read at once: longer, and others would notice the wait."""

Change = Callable[[sqlite3.Connection], object]


class LogFile:
    """The file, opened when it is first used."""

    def __init__(self, path: Path) -> None:
        """Open nothing yet."""
        self._path = path
        self._writer: SqliteConnection | None = None
        self._reader: SqliteConnection | None = None
        self._opening = asyncio.Lock()
        self._waiting: list[tuple[Change, bool, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def append(self, new: Sequence[NewRecord], *, now: datetime) -> None:
        """Append all or none; on return they are on the disk."""
        at = now.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        rows = [(r.topic, r.key, r.value, json.dumps(dict(r.headers)), at) for r in new]
        await self._write(lambda raw: raw.executemany(APPEND, rows), flush=True)

    async def commit(self, group: str, offsets: Mapping[str, int]) -> None:
        """Move a group's offsets on; a loss of power may move the last of them back."""
        rows = [(group, topic, offset) for topic, offset in offsets.items()]
        await self._write(lambda raw: raw.executemany(COMMIT, rows), flush=False)

    async def committed(self, group: str) -> dict[str, int]:
        """Return a group's offset in each topic that it has one in."""
        with _asking():
            return dict((await self._opened()).raw.execute(COMMITTED, (group,)).fetchall())

    async def next(self, after: Mapping[str, int], *, limit: int) -> list[Record]:
        """Return the first records behind an offset of each topic, at most so many in all."""
        reader = await self._opened()
        found: list[Record] = []
        with _asking():
            for topic, offset in after.items():
                found += _first(reader.raw.execute(NEXT, (topic, offset, limit)))
        return sorted(found, key=lambda record: record.offset)[:limit]

    async def count(self, after: Mapping[str, int]) -> dict[str, int]:
        """Count the records behind an offset of each topic: a scan, so beside the loop."""
        await self._opened()

        def ask() -> dict[str, int]:
            with _asking(), contextlib.closing(sqlite3.connect(self._path)) as own:
                return {
                    topic: own.execute(COUNT, (topic, offset)).fetchone()[0]
                    for topic, offset in after.items()
                }

        return await asyncio.to_thread(ask)

    async def ping(self) -> None:
        """Raise Retry when the file does not answer."""
        with _asking():
            (await self._opened()).raw.execute("SELECT 1 FROM offsets LIMIT 1").fetchall()

    async def close(self) -> None:
        """Write what waits, then close; the next use opens it again."""
        if self._writing is not None:
            await asyncio.wait([self._writing])
        for connection in (self._reader, self._writer):
            if connection is not None:
                await connection.close()
        self._reader = self._writer = None

    async def _opened(self) -> SqliteConnection:
        """Return the connection that reads, once the file and its tables are there."""
        if self._reader is None:
            with _asking():
                async with self._opening:
                    self._reader = self._reader or await self._open()
        return self._reader

    async def _open(self) -> SqliteConnection:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        writer = await SqliteConnection(self._path, read_only=False).open()
        try:
            await writer.begin()
            for statement in (RECORDS, BY_TOPIC, OFFSETS):
                writer.raw.execute(statement)
            await writer.commit()
            reader = await SqliteConnection(self._path, read_only=True).open()
        except BaseException:
            writer.stop()
            raise
        self._writer = writer
        return reader

    async def _write(self, change: Change, *, flush: bool) -> None:
        """Have a change committed together with the others that wait."""
        await self._opened()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, flush, done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_waiting(), name="event-log-commit")
        await done

    async def _write_waiting(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting, []
            error: Exception | None = None
            try:
                await self._commit([c for c, _, _ in taken], flush=any(f for _, f, _ in taken))
            except Exception as failed:  # noqa: BLE001 - raised where it is awaited
                error = failed
            for _, _, done in taken:
                if done.done():
                    continue
                if error is None:
                    done.set_result(None)
                else:
                    done.set_exception(_told(error))

    async def _commit(self, changes: Sequence[Change], *, flush: bool) -> None:
        """Commit in one transaction, which waits for the disk only where somebody has to."""
        writer = self._writer
        if writer is None:
            raise sqlite3.OperationalError("the file is closed")
        writer.raw.execute(f"PRAGMA synchronous={'FULL' if flush else 'NORMAL'}")
        await writer.begin()
        try:
            for change in changes:
                change(writer.raw)
            await writer.commit()
        except Exception:
            await writer.rollback()
            raise


@contextlib.contextmanager
def _asking() -> Iterator[None]:
    """Make a Retry of what goes wrong with the file."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise Retry("the event log does not answer") from error


def _told(error: Exception) -> Exception:
    """Return the error as one waiter's own."""
    if not isinstance(error, sqlite3.Error):
        return error
    told = Retry("the event log did not take the records")
    told.__cause__ = error
    return told


def _first(rows: Iterable[tuple[Any, ...]]) -> Iterator[Record]:
    """Read rows until there is enough for once."""
    size = 0
    for row in rows:
        yield _record(*row)
        size += len(row[3])
        if size >= FETCH_BYTES:
            return


def _record(
    topic: str, offset: int, key: str, value: bytes, headers: str, appended_at: str
) -> Record:
    return Record(
        topic=topic,
        partition=0,
        offset=offset,
        key=key,
        value=value,
        headers=json.loads(headers),
        appended_at=datetime.fromisoformat(appended_at).replace(tzinfo=UTC),
    )
