"""The way of events: from the outbox to the log, and from the log into a transaction."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from benchmarks.harness.aim import Aim, Cell
from benchmarks.harness.contender import Contender, Failed, Load, Measure, Sample
from benchmarks.harness.process import module, output_of, talking
from benchmarks.harness.series import Series
from benchmarks.harness.servers import Servers
from benchmarks.harness.timing import percentile
from benchmarks.ours import records
from common.eventlog.kafka import open_kafka

RELAY = "our relay, PostgreSQL -> Kafka"
PRODUCE = "plain aiokafka, 500 at a time"
ROWS = 20_000

LATENCY = "commit -> topic"
PER_SECOND = 1_000

BATCH = "our consumer, a batch per transaction"
EACH = "the same effect, a transaction per event"
RECORDS = 40_000
SENT_AT_ONCE = 2_000


def relay(servers: Servers) -> Series:
    """Return the relay's series: a backlog."""
    return Series(
        name="relay",
        title="relay: events of 700 bytes from the outbox to Kafka",
        unit="events",
        width="rows waiting",
        contenders=[
            Contender(PRODUCE, (ROWS,), lambda: _producing(servers)),
            Contender(RELAY, (ROWS,), lambda: _draining(servers)),
        ],
        aims=[Aim("G9", Cell(RELAY, ROWS), 0.3, Cell(PRODUCE, ROWS))],
        notes=["Same records, topic, broker; both acks=all and idempotent."],
    )


def latency(servers: Servers) -> Series:
    """Return the relay's other series: how late an event is."""
    cell = Cell(LATENCY, PER_SECOND)
    return Series(
        name="publish",
        title="publish: from the commit to a reader of the topic",
        unit="events",
        width="events/s offered",
        spread_of="p50_ms",
        contenders=[Contender(LATENCY, (PER_SECOND,), lambda: _telling(servers))],
        aims=[
            Aim("G9", cell, 10, what="p99_ms", is_most=True),
            Aim("G9", cell, 20, what="p50_ms", is_most=True),
        ],
        notes=[
            "Committed in groups of 5 ms, after half a second of the same; the reader is a process of its own."
        ],
    )


def consumer(servers: Servers) -> Series:
    """Return the consumer's series."""
    return Series(
        name="consumer",
        title="consumer: an inbox row and an effect row per event, exactly once",
        unit="events",
        width="consumers",
        contenders=[
            Contender(EACH, (1,), lambda: _consuming(servers, "each")),
            Contender(BATCH, (1,), lambda: _consuming(servers, "batch")),
        ],
        aims=[Aim("G10", Cell(BATCH, 1), 8, Cell(EACH, 1))],
        notes=["Both read 200 records at a time, and commit offsets once per 200."],
    )


@asynccontextmanager
async def _producing(servers: Servers) -> AsyncGenerator[Measure]:
    servers.kafka()

    async def measure(load: Load) -> Sample:
        url = await servers.new_topics()
        return await _told(module("benchmarks.peers.plain_produce", url, load.width))

    yield measure


@asynccontextmanager
async def _draining(servers: Servers) -> AsyncGenerator[Measure]:
    servers.postgresql()
    servers.kafka()

    async def measure(load: Load) -> Sample:
        database, log = await servers.new_database("relay"), await servers.new_topics()
        return await _told(module("benchmarks.ours.draining", database, log, load.width))

    yield measure


@asynccontextmanager
async def _telling(servers: Servers) -> AsyncGenerator[Measure]:
    servers.postgresql()
    servers.kafka()

    async def measure(load: Load) -> Sample:
        database, log = await servers.new_database("telling"), await servers.new_topics()
        command = module("benchmarks.ours.telling", database, log, load.width, load.seconds)
        async with talking(module("benchmarks.load.topic_watch", log, "emr.events")) as watcher:
            committed: dict[str, float] = json.loads(await output_of(command))
            arrived: dict[str, float] = json.loads(await watcher.last_word() or b"{}")
        late = [arrived[one] - at for one, at in committed.items() if one in arrived]
        if len(late) < len(committed):
            raise Failed(f"{len(committed) - len(late)} of {len(committed)} events did not arrive")
        middle, worst = 1000 * percentile(late, 0.5), 1000 * percentile(late, 0.99)
        return Sample(len(late) / load.seconds, middle, worst)

    yield measure


@asynccontextmanager
async def _consuming(servers: Servers, way: str) -> AsyncGenerator[Measure]:
    servers.postgresql()
    url = await servers.new_topics()
    log = open_kafka(url)
    made = records.records(RECORDS)
    for first in range(0, RECORDS, SENT_AT_ONCE):
        await log.append(made[first : first + SENT_AT_ONCE])
    await log.close()

    async def measure(load: Load) -> Sample:
        database = await servers.new_database("consumer")
        return await _told(module("benchmarks.ours.consuming", database, url, load.seconds, way))

    yield measure


async def _told(command: list[str]) -> Sample:
    return Sample(**json.loads(await output_of(command)))
