"""The peers of other languages at the MLLP door: fetched by npm or Maven, or left out aloud."""

import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

from benchmarks.harness.contender import Contender, Load, Measure, Sample
from benchmarks.harness.process import Argument, free_port, listens, running
from benchmarks.harness.servers import Servers
from benchmarks.load import mllp
from benchmarks.peers import fetch
from common.eventlog import topics
from common.eventlog.kafka_settings import read_settings
from common.eventlog.topics import Topic

MEDPLUM = "@medplum/hl7, ACK only"
CAMEL = "Camel mllp: -> kafka: acks=all"
HAPI = "HAPI HL7Service, parse + ACK"

WARMUP = Load(8, 2.0)
"""What a virtual machine gets before the first measurement, to compile what is hot."""


def mllp_servers(servers: Servers) -> Sequence[Contender]:
    """Return @medplum/hl7, HAPI and Camel."""
    return [
        warmed(MEDPLUM, (1, 64), lambda port: [*fetch.node("medplum", "server.js"), port]),
        warmed(HAPI, (64,), lambda port: [*fetch.java("hapi", "Server.java"), port]),
        camel(servers, (1, 8, 64)),
    ]


def warmed(
    name: str, widths: tuple[int, ...], command: Callable[[int], Sequence[Argument]]
) -> Contender:
    """Return a server that is started once and has had some load before it is measured."""

    @asynccontextmanager
    async def ready() -> AsyncGenerator[Measure]:
        port = free_port()
        async with running(command(port)) as process:
            await listens(process, port)
            await mllp.send(port, WARMUP)

            async def measure(load: Load) -> Sample:
                return await mllp.send(port, load)

            yield measure

    return Contender(name, widths, ready)


def camel(servers: Servers, widths: tuple[int, ...]) -> Contender:
    """Return Camel, which answers when the record is on the topic (in the page cache: no fsync)."""

    @asynccontextmanager
    async def ready() -> AsyncGenerator[Measure]:
        broker = servers.kafka()
        topic = f"camel-{uuid.uuid4().hex[:8]}"
        await topics.apply(read_settings(broker.url()), [Topic(topic, 4, 1, {})])

        def command(port: int) -> Sequence[Argument]:
            return [*fetch.java("camel", "Server.java"), port, broker.bootstrap, topic]

        async with warmed(CAMEL, widths, command).ready() as measure:
            yield measure

    return Contender(CAMEL, widths, ready)
