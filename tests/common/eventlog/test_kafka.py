"""The event log on a real broker; each test says what it needs of one."""

import asyncio
import contextlib
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Mapping

import pytest
from sqlalchemy import select
from tests.common.eventlog.contract import (
    EventLogContract,
    kill_9,
    line,
    new,
    read_all,
    spawn,
    take,
    values,
)
from tests.common.sample import NOON, TOPIC, happened, metadata, note, noted, tell
from tests.servers.kafka import Can, KafkaServer

from common import deadletter, relay, tables
from common.consumer import Consumer
from common.errors import Retry
from common.eventlog.kafka import KafkaEventLog, open_kafka
from common.eventlog.kafka_connection import partitions
from common.eventlog.kafka_settings import read_settings
from common.eventlog.kafka_subscription import KafkaSubscription
from common.eventlog.port import NewRecord, Record, RecordsTooLarge, Subscription
from common.eventlog.topics import Topic, apply
from common.events import registry
from common.events.emr import MessageReceived

OPENER = "common.eventlog.kafka:open_kafka"
COUNTING = {
    "test_two_groups_read_the_same_records_independently",
    "test_lag_counts_what_a_group_has_not_committed",
}
"""Tests of the contract in which records come in one batch and are then counted."""
QUICK = {"drain_seconds": "4", "timeout_seconds": "15"}


async def make_topics(
    kafka: KafkaServer,
    names: str,
    *,
    parts: int,
    config: Mapping[str, str] | None = None,
    **more: str,
) -> str:
    """Create topics that no other test has; return the URL that leads to them."""
    url = kafka.url(prefix=f"{uuid.uuid4().hex[:8]}.", **{**QUICK, **more})
    settings = read_settings(url)
    await apply(settings, [Topic(name, parts, 1, config or {}) for name in names.split()])
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(Retry):
                await partitions(settings, [settings.prefix + name for name in names.split()])
                return url
            await asyncio.sleep(0.02)


@pytest.fixture
async def url(kafka: KafkaServer) -> str:
    return await make_topics(kafka, f"t {TOPIC}", parts=6)


@pytest.fixture
async def log(url: str) -> AsyncGenerator[KafkaEventLog]:
    log = open_kafka(url)
    yield log
    await log.close()


async def collect(subscription: Subscription, got: list[Record]) -> None:
    """Read and commit until cancelled."""
    while True:
        records = await subscription.fetch(limit=50, timeout_seconds=0.2)
        got += records
        await subscription.commit(records)


async def until(true: Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - what is waited for is in a library or a database
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def member(log: KafkaEventLog) -> AsyncGenerator[list[Record]]:
    """Another member of the group that reads and commits by itself."""
    got: list[Record] = []
    async with log.subscribe(["t"], group="g") as subscription:
        task = asyncio.create_task(collect(subscription, got))
        try:
            yield got
        finally:
            task.cancel()
            await asyncio.wait([task])


def by_key(records: list[Record]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for record in records:
        found[record.key].append(int(record.value))
    return found


async def send(log: KafkaEventLog, numbers: range) -> None:
    await log.append([new(f"k{n % 20}", str(n)) for n in numbers])


async def test_a_broker_that_is_killed_and_started_again_costs_time_and_nothing_else(
    kafka, log, url
):
    """INVARIANT: what an append returned for is there once, an append that was given up can be repeated
    without anything of it arriving behind its repeat, and a reader goes on by itself."""
    kafka.needs(Can.RESTART, Can.IDEMPOTENCE)
    hasty = open_kafka(url.replace("timeout_seconds=15", "timeout_seconds=1"))
    await hasty.append([new("h", "1000")])
    async with member(log) as got:
        await send(log, range(20))
        await until(lambda: len(got) == 21)
        kafka.kill()
        sending = asyncio.create_task(send(log, range(20, 40)))
        began = time.monotonic()
        with pytest.raises(Retry):
            await hasty.append([new("h", str(1001 + n)) for n in range(3)])
        with pytest.raises(Retry):
            await hasty.ping()
        assert time.monotonic() - began < 5
        assert not sending.done()
        await asyncio.to_thread(kafka.start)
        await sending
        await persist(hasty, [new("h", str(1001 + n)) for n in range(3)])
        await send(log, range(40, 60))
        await until(lambda: {int(v) for v in values(got)} == {*range(60), *range(1000, 1004)})
    there = by_key(await read_all(log))
    assert list(dict.fromkeys(there.pop("h"))) == [1000, 1001, 1002, 1003]
    assert sorted(n for numbers in there.values() for n in numbers) == list(range(60))
    assert all(numbers == sorted(numbers) for numbers in there.values())
    await hasty.close()


async def test_a_member_that_leaves_a_broker_that_hangs_leaves_nothing_behind(kafka, log, url):
    """INVARIANT: an abandoned member sends no more heartbeats; else it would hold partitions unread."""
    kafka.needs(Can.RESTART)
    hasty = open_kafka(url.replace("timeout_seconds=15", "timeout_seconds=1"))
    await send(hasty, range(3))
    before = asyncio.all_tasks()
    async with contextlib.AsyncExitStack() as stack:
        left = await stack.enter_async_context(hasty.subscribe(["t"], group="g"))
        records = await take(left, 3)
        with kafka.hanging():
            began = time.monotonic()
            with pytest.raises(Retry):
                await left.commit(records)
            with pytest.raises(Retry):
                await send(hasty, range(3, 6))
            await stack.aclose()
            assert time.monotonic() - began < 10
    assert asyncio.all_tasks() <= before
    await hasty.close()
    await send(log, range(6, 26))
    async with member(log) as got:
        await until(lambda: {int(v) for v in values(got)} >= set(range(6, 26)))


async def persist(log: KafkaEventLog, records: list[NewRecord]) -> None:
    """Append again and again until it is taken, as the relay does."""
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(Retry):
                await log.append(records)
                return


class TestKafkaEventLog(EventLogContract):
    opener = OPENER
    open_at = open_kafka  # type: ignore[assignment]  # taken from the class, so never bound

    @pytest.fixture
    async def place(self, kafka: KafkaServer, request: pytest.FixtureRequest) -> str:
        if request.node.name in COUNTING:
            kafka.needs(Can.ENDS)
        return await make_topics(kafka, "t u v empty", parts=1)


async def test_members_share_the_partitions_and_the_rest_take_over_when_one_leaves(log):
    """INVARIANT: each record to one member, in order per key, through a join and a leave."""
    async with member(log) as one:
        await send(log, range(100))
        await until(lambda: len(one) == 100)
        async with member(log) as two:
            for start in range(100, 10_000, 20):
                await send(log, range(start, start + 20))
                await asyncio.sleep(0.02)
                if len({r.partition for r in two}) >= 2:
                    break
        total = start + 20
        await send(log, range(total, total + 100))
        await until(lambda: len(one) + len(two) >= total + 100)
    assert sorted(int(v) for v in values(one + two)) == list(range(total + 100))
    for numbers in (*by_key(one).values(), *by_key(two).values()):
        assert numbers == sorted(numbers)


async def test_the_partitions_of_a_member_that_was_killed_are_read_on_by_the_other(log, url):
    await send(log, range(60))
    async with member(log) as one:
        await until(lambda: len(one) == 60)
        process = await spawn(OPENER, url, "hold", "t", "g")
        for start in range(60, 10_000, 20):
            await send(log, range(start, start + 20))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await asyncio.shield(line_of := asyncio.ensure_future(line(process)))
                    break
            line_of.cancel()
        await kill_9(process)
        total = start + 20
        await until(lambda: {int(v) for v in values(one)} == set(range(total)))


async def test_a_member_with_a_name_that_comes_back_moves_no_partitions(kafka, url):
    """INVARIANT: a restart within the session is no rebalance for the others. Broken by leaving the group."""
    kafka.needs(Can.IDEMPOTENCE)  # Tansu has no members with names
    longer = url.replace("session_seconds=2", "session_seconds=8")
    named = [open_kafka(longer, group_instance_id=f"replica-{n}") for n in range(2)]
    await send(named[0], range(40))
    one, two = (log.subscribe(["t"], group="g") for log in named)
    async with one as stays:
        async with two as goes:
            async with asyncio.timeout(30):
                while not (holds(stays) and holds(goes) and len(holds(stays) | holds(goes)) == 6):
                    for member_of in (stays, goes):
                        done = await member_of.fetch(limit=50, timeout_seconds=0.2)
                        await member_of.commit(done)
            had, generation = holds(goes), stays._consumer._coordinator.generation
        async with named[1].subscribe(["t"], group="g") as back:
            async with asyncio.timeout(30):
                while not holds(back):
                    for member_of in (back, stays):
                        await member_of.fetch(limit=50, timeout_seconds=0.2)
            assert holds(back) == had
            assert stays._consumer._coordinator.generation == generation
    for log in named:
        await log.close()


def holds(member_of: KafkaSubscription) -> set[int]:
    return {place.partition for place in member_of._consumer.assignment()}


async def test_a_rebalance_waits_for_the_record_in_hand_and_commits_it(log):
    """INVARIANT: a handler that ends in time is not repeated elsewhere. Broken by letting go at once."""
    await send(log, range(20))
    async with log.subscribe(["t"], group="g") as slow:
        batch = await take(slow, 20)
        async with member(log) as other:
            await asyncio.sleep(1.5)  # the other wants in all the while
            await slow.commit(batch)
            await send(log, range(20, 60))
            rest: list[Record] = []
            reading = asyncio.create_task(collect(slow, rest))
            await until(lambda: len(rest) + len(other) >= 40)
            reading.cancel()
            await asyncio.wait([reading])
    assert sorted(int(v) for v in values(rest + other)) == list(range(20, 60))


async def test_a_member_that_drains_for_too_long_loses_its_partitions_and_lives_on(kafka):
    """INVARIANT: a lost partition is no error of its old holder; its late commit changes nothing."""
    log = open_kafka(await make_topics(kafka, "t", parts=1, drain_seconds="0.5"))
    await send(log, range(10))
    async with log.subscribe(["t"], group="g") as slow:
        batch = await take(slow, 10)
        async with log.subscribe(["t"], group="g") as other:
            await other.fetch(limit=1, timeout_seconds=2.5)
        await slow.commit(batch)
        await slow.commit(batch[:3])
        await send(log, range(10, 12))
        assert {"10", "11"} <= set(values(await take(slow, 2)))
    await log.close()


async def test_the_outbox_reaches_the_handlers_once_and_in_order_per_key(
    log, make_database, clock, kafka
):
    """INVARIANT: effects once though records come twice. The relay dies after the publish, before the mark."""
    source, target = await make_database(metadata), await make_database(metadata)
    events = [happened(f"{n}", sender=f"S{n % 7}|F") for n in range(70)]
    await tell(source, *events)
    async with source.read() as tx:
        rows = (await tx.execute(select(tables.outbox))).all()
    await log.append([NewRecord(r.topic, r.key, r.value, r.headers) for r in rows[:30]])
    while await relay.drain(source, log):
        pass
    consumer = Consumer("g", [TOPIC], {MessageReceived: note}, target, clock)
    running = asyncio.create_task(consumer.run(log))
    async with asyncio.timeout(20):
        while len(await noted(target)) < 70:  # noqa: ASYNC110 - another loop writes the rows
            await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.wait([running])
    handled = await noted(target)
    assert sorted(handled, key=int) == [str(n) for n in range(70)]
    for sender in range(7):
        of_one = [int(what) for what in handled if int(what) % 7 == sender]
        assert of_one == sorted(of_one)
    assert {r.headers["ce_type"] for r in await read_all(log, TOPIC)} == {MessageReceived.type}
    assert clock() > NOON


async def test_a_record_that_is_too_large_is_told_from_an_outage(log):
    with pytest.raises(RecordsTooLarge) as told:
        await log.append([new("k", "1"), NewRecord("t", "k", bytes(2_000_000))])
    assert (told.value.code, told.value.places) == ("record_too_large", (1,))


@pytest.mark.parametrize("size", range(1_047_000, 1_049_000, 150))
async def test_no_size_around_the_limit_is_taken_for_an_outage(log, size):
    """INVARIANT: a record is taken or refused. Broken by a limit of ours above that of the broker."""
    with contextlib.suppress(RecordsTooLarge):
        await log.append([NewRecord("t", "k", bytes(size), {"ce_type": "x"})])


async def test_a_topic_that_takes_less_than_others_refuses_by_name(kafka):
    """The broker refuses a whole batch; which record it was is found out."""
    kafka.needs(Can.COMPARE)
    url = await make_topics(kafka, "t", parts=1, config={"max.message.bytes": "5000"})
    log = open_kafka(url)
    with pytest.raises(RecordsTooLarge) as told:
        await log.append([new("k", "1"), NewRecord("t", "k", bytes(9_000)), new("k", "2")])
    assert told.value.places == (1,)
    await log.append([new("k", "3")])
    assert values(await read_all(log))[-1] == "3"
    await log.close()


async def test_an_event_that_the_cluster_does_not_take_is_set_aside_and_the_rest_goes_on(
    kafka, make_database
):
    """INVARIANT: no event can stop an outbox."""
    kafka.needs(Can.COMPARE)
    source = await make_database(metadata)
    log = open_kafka(await make_topics(kafka, TOPIC, parts=2, config={"max.message.bytes": "9000"}))
    large = ["X" * 2_000_000, "Y" * 20_000]  # one for us to refuse, one for the broker
    for what in ("0", large[0], "1", large[1], "2"):
        await tell(source, happened(what, sender=f"{what[0]}|F"))
    while await relay.drain(source, log):
        pass
    found = {registry.read(r.value)[0].data["control_id"] for r in await read_all(log, TOPIC)}
    assert found == {"0", "1", "2"}
    async with source.read() as tx:
        letters = await deadletter.waiting(tx)
    assert [registry.read(one["value"])[0].data["control_id"] for one in letters] == large
    await log.close()


async def test_a_topic_that_is_not_there_is_named_at_once(log):
    with pytest.raises(Retry, match="missing"):
        async with log.subscribe(["t", "missing"], group="g"):
            pass
    with pytest.raises(Retry, match="missing"):
        await log.lag(["missing"], group="g")


async def test_a_log_that_nobody_answers_for_asks_for_another_try():
    log = open_kafka("kafka://127.0.0.1:9?timeout_seconds=1")
    with pytest.raises(Retry):
        await log.ping()
    with pytest.raises(Retry):
        await log.append([new("a", "1")])
    with pytest.raises(Retry):
        async with log.subscribe(["t"], group="g"):
            pass
    await log.close()
