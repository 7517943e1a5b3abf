"""What every event log must keep: one suite, run by each adapter's own test module.

An adapter's module subclasses `EventLogContract` and gives the `place` fixture: the text from which
`open_at` opens the same log again, in this process or in another one.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path

import pytest

from common.eventlog.port import EventLog, NewRecord, Record, Subscription

ROOT = Path(__file__).resolve().parents[3]
WAIT = 20.0
"""Seconds after which a test gives up; a broker needs several to rebalance."""


def new(key: str, value: str, topic: str = "t") -> NewRecord:
    return NewRecord(topic=topic, key=key, value=value.encode(), headers={"ce_type": "x.y.v1"})


def values(records: Sequence[Record]) -> list[str]:
    return [record.value.decode() for record in records]


async def take(subscription: Subscription, count: int) -> list[Record]:
    got: list[Record] = []
    async with asyncio.timeout(WAIT):
        while len(got) < count:
            got += await subscription.fetch(limit=count - len(got), timeout_seconds=0.5)
    return got


async def read_all(log: EventLog, *topics: str) -> list[Record]:
    return [record async for record in log.read(topics or ("t",), follow=False)]


async def spawn(opener: str, place: str, *arguments: str) -> asyncio.subprocess.Process:
    """Start another process on the same log; see `peer.py`."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("peer.py")),
        opener,
        place,
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )


async def line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(WAIT):
        return (await process.stdout.readline()).decode().strip()


async def kill_9(process: asyncio.subprocess.Process) -> str:
    """Kill without warning; return what it had said and was not read yet."""
    assert process.stdout is not None
    os.kill(process.pid, signal.SIGKILL)
    rest = await process.stdout.read()
    await process.wait()
    return rest.decode()


class EventLogContract:
    """The promises of `common.eventlog.port`."""

    opener: str
    """`module:function`, found by another process too: place -> EventLog."""

    open_at: Callable[[str], EventLog]

    @pytest.fixture
    def place(self, tmp_path: Path) -> str:
        raise NotImplementedError

    @pytest.fixture
    async def log(self, place: str) -> AsyncGenerator[EventLog]:
        log = type(self).open_at(place)
        yield log
        await log.close()

    async def test_a_record_is_read_back_as_it_was_appended(self, log):
        value = bytes(range(256))
        await log.append([NewRecord("t", "schlüssel", value, {"ce_id": "1", "note": "ü"})])
        (record,) = await read_all(log)
        assert (record.topic, record.key, record.value) == ("t", "schlüssel", value)
        assert record.headers == {"ce_id": "1", "note": "ü"}
        assert record.appended_at.tzinfo is not None

    async def test_appending_nothing_appends_nothing(self, log):
        await log.append([])
        await log.append([new("a", "1")])
        assert values(await read_all(log)) == ["1"]

    async def test_what_was_appended_is_there_after_the_log_was_closed(self, log, place):
        await log.append([new("a", "1"), new("a", "2")])
        await log.close()
        again = type(self).open_at(place)
        assert values(await read_all(again)) == ["1", "2"]
        await again.close()

    async def test_records_of_one_key_keep_their_order_whoever_appends(self, log, place):
        """INVARIANT: order per key. Broken by a cursor over identifiers that are drawn before the commit."""
        other = type(self).open_at(place)

        async def send(by: EventLog, key: str) -> None:
            for start in range(0, 30, 3):
                await by.append([new(key, f"{key}{n}") for n in range(start, start + 3)])

        await asyncio.gather(send(log, "a"), send(other, "b"), send(log, "c"))
        records = await read_all(log)
        for key in "abc":
            assert [v for v in values(records) if v[0] == key] == [f"{key}{n}" for n in range(30)]
        await other.close()

    async def test_offsets_rise_within_a_partition(self, log):
        await log.append([new(str(n % 3), str(n)) for n in range(20)])
        by_partition: dict[int, list[int]] = {}
        for record in await read_all(log):
            by_partition.setdefault(record.partition, []).append(record.offset)
        assert all(o == sorted(set(o)) for o in by_partition.values())

    async def test_a_new_group_begins_at_the_first_record(self, log):
        await log.append([new("a", "1")])
        async with log.subscribe(["t"], group="late") as subscription:
            assert values(await take(subscription, 1)) == ["1"]

    async def test_a_subscription_sees_only_its_topics(self, log):
        await log.append([new("a", "1", "t"), new("a", "2", "u"), new("a", "3", "v")])
        async with log.subscribe(["t", "v"], group="g") as subscription:
            assert sorted(values(await take(subscription, 2))) == ["1", "3"]
            assert not await subscription.fetch(limit=9, timeout_seconds=0.3)

    async def test_a_fetch_returns_at_most_its_limit_and_goes_on_after_it(self, log):
        await log.append([new("a", str(n)) for n in range(5)])
        async with log.subscribe(["t"], group="g") as subscription:
            first = await take(subscription, 2)
            rest = await take(subscription, 3)
        assert values(first + rest) == ["0", "1", "2", "3", "4"]

    async def test_an_empty_log_answers_with_nothing_when_the_time_is_over(self, log):
        async with log.subscribe(["t"], group="g") as subscription:
            assert not await subscription.fetch(limit=1, timeout_seconds=0.2)

    async def test_a_waiting_fetch_returns_as_soon_as_a_record_comes(self, log):
        async with log.subscribe(["t"], group="g") as subscription:
            await subscription.fetch(limit=1, timeout_seconds=0.1)
            waiting = asyncio.create_task(take(subscription, 1))
            await asyncio.sleep(0.1)
            await log.append([new("a", "1")])
            assert values(await waiting) == ["1"]

    async def test_a_group_resumes_after_what_it_committed(self, log):
        await log.append([new("a", str(n)) for n in range(5)])
        async with log.subscribe(["t"], group="g") as subscription:
            records = await take(subscription, 5)
            await subscription.commit(records[:3])
        async with log.subscribe(["t"], group="g") as subscription:
            assert values(await take(subscription, 2)) == ["3", "4"]

    async def test_what_was_not_committed_comes_again_in_the_same_order(self, log):
        """INVARIANT: at least once. Broken by committing on fetch."""
        await log.append([new("a", str(n)) for n in range(3)])
        async with log.subscribe(["t"], group="g") as subscription:
            assert values(await take(subscription, 3)) == ["0", "1", "2"]
            assert not await subscription.fetch(limit=9, timeout_seconds=0.2)
        async with log.subscribe(["t"], group="g") as subscription:
            assert values(await take(subscription, 3)) == ["0", "1", "2"]

    async def test_a_commit_never_moves_backwards(self, log):
        await log.append([new("a", str(n)) for n in range(3)])
        async with log.subscribe(["t"], group="g") as subscription:
            records = await take(subscription, 3)
            await subscription.commit(records)
            await subscription.commit(records[:1])
            await subscription.commit([])
        assert await log.lag(["t"], group="g") == {"t": 0}

    async def test_two_groups_read_the_same_records_independently(self, log):
        await log.append([new("a", "1"), new("a", "2")])
        async with (
            log.subscribe(["t"], group="one") as one,
            log.subscribe(["t"], group="two") as two,
        ):
            await one.commit(await take(one, 2))
            assert values(await take(two, 2)) == ["1", "2"]
        assert await log.lag(["t"], group="one") == {"t": 0}
        assert await log.lag(["t"], group="two") == {"t": 2}

    async def test_a_member_of_a_group_takes_over_when_the_other_leaves(self, log):
        await log.append([new("a", "1"), new("a", "2")])
        async with log.subscribe(["t"], group="g") as second:
            async with log.subscribe(["t"], group="g") as first:
                record = await take(first, 1)
                await first.commit(record)
                assert not await second.fetch(limit=9, timeout_seconds=0.3)
            assert values(await take(second, 1)) == ["2"]

    async def test_a_slow_member_keeps_its_place(self, log):
        """INVARIANT: one reader per key and group. Broken by leases that end while a handler works."""
        await log.append([new("a", "1")])
        async with (
            log.subscribe(["t"], group="g") as slow,
            log.subscribe(["t"], group="g") as other,
        ):
            record = await take(slow, 1)
            assert not await other.fetch(limit=9, timeout_seconds=1.5)
            await slow.commit(record)
        assert await log.lag(["t"], group="g") == {"t": 0}

    async def test_a_member_takes_over_from_a_process_that_was_killed(self, log, place):
        await log.append([new("a", "1"), new("a", "2")])
        process = await spawn(self.opener, place, "hold", "t", "g")
        assert await line(process) == "1"
        async with log.subscribe(["t"], group="g") as second:
            assert not await second.fetch(limit=9, timeout_seconds=0.3)
            await kill_9(process)
            assert values(await take(second, 2)) == ["1", "2"]

    async def test_a_reader_sees_what_another_process_appends(self, log, place):
        async with log.subscribe(["t"], group="g") as subscription:
            await subscription.fetch(limit=1, timeout_seconds=0.1)
            process = await spawn(self.opener, place, "append", "t", "3")
            assert values(await take(subscription, 3)) == ["0", "1", "2"]
            await process.wait()

    async def test_several_readers_without_a_group_see_every_record(self, log):
        await log.append([new("a", str(n)) for n in range(50)])
        readers = await asyncio.gather(*(read_all(log) for _ in range(5)))
        assert all(values(records) == [str(n) for n in range(50)] for records in readers)

    async def test_following_goes_on_with_records_that_come_later(self, log):
        await log.append([new("a", "1")])
        follower = log.read(["t"], follow=True)
        async with contextlib.aclosing(follower), asyncio.timeout(WAIT):
            assert (await anext(follower)).value == b"1"
            later = asyncio.create_task(anext(follower))
            await asyncio.sleep(0.1)
            await log.append([new("a", "2")])
            assert (await later).value == b"2"

    async def test_lag_counts_what_a_group_has_not_committed(self, log):
        await log.append([new("a", str(n), t) for n in range(4) for t in ("t", "u")])
        async with log.subscribe(["t"], group="g") as subscription:
            records = await take(subscription, 4)
            await subscription.commit(records[:1])
        assert await log.lag(["t", "u", "empty"], group="g") == {"t": 3, "u": 4, "empty": 0}

    async def test_a_log_that_works_answers_a_ping(self, log):
        await log.ping()

    async def test_every_append_that_returned_survives_the_death_of_its_process(self, log, place):
        """INVARIANT: durable once appended, and nothing torn. Broken by a commit that is buffered."""
        process = await spawn(self.opener, place, "append", "t", "100000")
        acknowledged = int(await line(process))
        while acknowledged < 40:
            acknowledged = int(await line(process))
        rest = (await kill_9(process)).split("\n")[:-1]
        acknowledged = int(rest[-1]) if rest else acknowledged
        there = [int(v) for v in values(await read_all(log))]
        assert there == list(range(len(there)))
        assert len(there) > acknowledged
        await log.append([new("a", "after")])
        assert values(await read_all(log))[-1] == "after"

    async def test_processes_that_open_a_new_log_at_once_all_append(self, log, place):
        processes = [await spawn(self.opener, place, "append", "t", "5") for _ in range(4)]
        assert [await process.wait() for process in processes] == [0] * 4
        assert len(await read_all(log)) == 20
