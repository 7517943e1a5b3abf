"""The relay in several replicas on one PostgreSQL: one drains at a time, whoever dies."""

import asyncio
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # no py.typed in the wheel
import pytest
from tests.common.relaying import service_on
from tests.common.sample import TOPIC, count, happened, metadata, tell
from tests.servers.plugin import empty_database
from tests.system.whole import until

from common import relay, supervision, tables
from common.database import Database
from common.eventlog.port import NewRecord
from common.eventlog.sqlite import SqliteEventLog
from common.events import registry
from common.events.emr import MessageReceived

ROOT = Path(__file__).parents[2]


class Watched(SqliteEventLog):
    """A log that tells when a record came, and by which replica."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.came: list[tuple[str, float]] = []

    async def append(self, new: Sequence[NewRecord]) -> None:
        await super().append(new)
        now = time.perf_counter()
        self.came += [(told(record.value), now) for record in new]


class Replica:
    """One process's relay, in this process: a database and a log of its own on the same places."""

    def __init__(self, url: str, file: Path) -> None:
        self.db, self.log = Database(url), Watched(file)
        self.service = service_on(self.db, self.log)
        self.task = supervision.start(self.service, relay.relay_of(self.service))

    async def stop(self) -> None:
        await supervision.cancel([self.task], seconds=5)


@pytest.fixture
async def url(postgresql) -> str:
    url = await empty_database(postgresql)
    db = Database(url)
    await db.create_all(metadata)
    await db.close()
    return url


@pytest.fixture
async def replica(url, tmp_path):
    made: list[Replica] = []

    def start() -> Replica:
        made.append(Replica(url, tmp_path / "log.db"))
        return made[-1]

    yield start
    for one in made:
        await one.stop()
        await one.db.close()
        await one.log.close()


def told(value: bytes) -> str:
    _, event = registry.read(value)
    assert isinstance(event, MessageReceived)
    return event.control_id


async def has_turn(url: str) -> list[int]:
    """Ask PostgreSQL which sessions hold the lock."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    query = (
        "SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
        "WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database()"
    )
    try:
        return [row["pid"] for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def test_one_drains_and_the_next_takes_over_when_it_stops(url, replica):
    first, second = replica(), replica()
    await until(lambda: has_turn(url))
    for n in range(30):
        await tell((first, second)[n % 2].db, happened(f"{n:02}"))
    await until(lambda: _is_empty(first.db))
    one, other = (first, second) if first.log.came else (second, first)
    assert not other.log.came
    assert [what for what, _ in one.log.came] == [f"{n:02}" for n in range(30)]

    await one.stop()
    await tell(one.db, happened("after"))
    await until(lambda: _is_empty(other.db), seconds=5)
    assert [what for what, _ in other.log.came] == ["after"]


async def test_a_relay_that_loses_its_connection_comes_back_and_nothing_is_lost(url, replica):
    only = replica()
    await until(lambda: has_turn(url))
    (pid,) = await has_turn(url)
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    await connection.execute("SELECT pg_terminate_backend($1)", pid)
    await connection.close()
    await tell(only.db, happened("1"))
    await until(lambda: _is_empty(only.db), seconds=10)
    assert await until(lambda: has_turn(url), seconds=10) != [pid]
    assert [what for what, _ in only.log.came] == ["1"]


async def test_what_is_left_at_a_stop_is_published_by_whoever_has_the_turn(url, replica):
    """INVARIANT: a service that stops does not publish beside the replica that goes on."""
    going_on = replica()
    await until(lambda: has_turn(url))
    stopping = replica()
    await stopping.stop()
    await tell(stopping.db, happened("1"))
    await relay.publish_the_rest(stopping.service)
    assert not stopping.log.came
    await until(lambda: _is_empty(going_on.db))
    await going_on.stop()

    await tell(stopping.db, happened("2"))
    await relay.publish_the_rest(stopping.service)
    assert [what for what, _ in stopping.log.came] == ["2"]
    assert await has_turn(url) == []


@pytest.mark.parametrize("committed_by", ["the replica that relays", "the other replica"])
async def test_half_of_what_is_committed_is_published_within_twenty_milliseconds(
    url, replica, committed_by
):
    first = replica()
    await until(lambda: has_turn(url))
    second = replica()
    writer = first if committed_by == "the replica that relays" else second
    committed: dict[str, float] = {}
    await asyncio.sleep(0.2)
    for n in range(100):
        await tell(writer.db, happened(str(n)))
        committed[str(n)] = time.perf_counter()
        await asyncio.sleep(0.01)
    await until(lambda: _is_empty(first.db))
    waits = sorted(1000 * (at - committed[what]) for what, at in first.log.came)
    p50, p99 = statistics.median(waits), waits[98]
    print(f"\ncommit to publish, by {committed_by}: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    assert len(waits) == 100
    assert p50 < 20


async def test_relays_that_are_killed_lose_nothing_and_keep_each_subjects_order(url, tmp_path):
    """INVARIANT: kill -9 of the relay that drains costs repeats, never an event or an order.

    A lock that outlives its process, or rows that are deleted before the log has them, breaks it.
    """
    file = tmp_path / "log.db"
    db, log = Database(url), SqliteEventLog(file)
    processes = [await _process(url, file)]
    await until(lambda: has_turn(url), seconds=10)
    processes.append(await _process(url, file))
    try:
        for n in range(400):
            await tell(db, happened(f"{n:03}", sender=f"S|{n % 7}"))
            if n % 100 == 50:
                processes = await _kill_the_one_that_drains(processes, url, file)
        await until(lambda: _is_empty(db), seconds=15)
    finally:
        for process in processes:
            process.kill()
            await process.wait()
    published = [(r.key, told(r.value)) async for r in log.read([TOPIC], follow=False)]
    by_subject: dict[str, list[str]] = {}
    for subject, what in dict.fromkeys(published):
        by_subject.setdefault(subject, []).append(what)
    print(f"\n400 events, 4 kills, {len(published) - 400} published twice, lost = 0")
    assert all(whats == sorted(whats) for whats in by_subject.values())
    assert sum(map(len, by_subject.values())) == 400
    await db.close()
    await log.close()


async def _is_empty(db: Database) -> bool:
    return await count(db, tables.outbox) == 0


async def _process(url: str, file: Path) -> asyncio.subprocess.Process:
    command = (sys.executable, "-m", "tests.common.relaying", url, str(file))
    return await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.DEVNULL
    )


async def _kill_the_one_that_drains(
    processes: list[asyncio.subprocess.Process], url: str, file: Path
) -> list[asyncio.subprocess.Process]:
    """Kill the older one, let the younger take over, and start another behind it."""
    old, young = processes
    had = await has_turn(url)
    old.kill()
    await old.wait()

    async def taken_over() -> bool:
        return (now := await has_turn(url)) != [] and now != had

    await until(taken_over, seconds=10)
    return [young, await _process(url, file)]
