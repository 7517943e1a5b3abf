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

from common.clock import Clock, utc_now
from common.eventlog.port import NewRecord, Record
from common.eventlog.sqlite_file import LogFile
from common.signals import Signal

POLL_SECONDS = 0.2
"""How often a waiting reader looks for records of another process; its own process wakes it."""


class SqliteEventLog:
    """An EventLog in a file."""

    def __init__(self, path: Path | str, *, clock: Clock = utc_now) -> None:
        """Use the file at `path`; it and its folder are made when they are not there."""
        self._path = Path(path)
        self._clock = clock
        self._file = LogFile(self._path)
        self._appended = Signal()

    async def append(self, new: Sequence[NewRecord]) -> None:
        """Append in one transaction: all or none."""
        if not new:
            return
        await self._file.append(new, now=self._clock())
        self._appended.notify()

    @asynccontextmanager
    async def subscribe(
        self, topics: Sequence[str], *, group: str
    ) -> AsyncGenerator["SqliteSubscription"]:
        """Join a group; leaving lets the next member in."""
        await self._file.ping()
        name = hashlib.sha256(group.encode()).hexdigest()[:16]
        with self._path.with_name(f"{self._path.name}.{name}.lock").open("wb") as lock:
            yield SqliteSubscription(self._file, self._appended, tuple(topics), group, lock)

    async def read(self, topics: Sequence[str], *, follow: bool) -> AsyncGenerator[Record]:
        """Read all records of the topics from the first on."""
        after = dict.fromkeys(topics, 0)
        while True:
            seen = self._appended.count
            batch = await self._file.next(after, limit=500)
            for record in batch:
                after[record.topic] = record.offset
                yield record
            if not batch:
                if not follow:
                    return
                await self._appended.wait(POLL_SECONDS, since=seen)

    async def lag(self, topics: Sequence[str], *, group: str) -> Mapping[str, int]:
        """Count the records after each committed offset."""
        committed = await self._file.committed(group)
        return await self._file.count({topic: committed.get(topic, 0) for topic in topics})

    async def ping(self) -> None:
        """Read one row."""
        await self._file.ping()

    async def close(self) -> None:
        """Close the file."""
        await self._file.close()


class SqliteSubscription:
    """One member of a group on the file."""

    def __init__(
        self,
        file: LogFile,
        appended: Signal,
        topics: tuple[str, ...],
        group: str,
        lock: BufferedWriter,
    ) -> None:
        """Hold nothing yet: the first fetch tries to become the group's reader."""
        self._file = file
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
        if highest:
            await self._file.commit(self._group, highest)

    async def _try(self, limit: int) -> Sequence[Record]:
        if self._after is None:
            if not self._acquire():
                return ()
            committed = await self._file.committed(self._group)
            self._after = {topic: committed.get(topic, 0) for topic in self._topics}
        batch = await self._file.next(self._after, limit=limit)
        self._after |= {r.topic: r.offset for r in batch}
        return batch

    def _acquire(self) -> bool:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
