"""The MLLP door: messages kept and answered, on 1, 8 and 64 links, beside what others answer without keeping."""

import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

from benchmarks.harness.aim import Aim, Cell
from benchmarks.harness.contender import Contender, Load, Measure, Sample
from benchmarks.harness.process import Argument, free_port, listens, module, output_of, running
from benchmarks.harness.series import Series
from benchmarks.harness.servers import Servers
from benchmarks.load import mllp
from benchmarks.ours import bridge
from benchmarks.series import peers

OURS = "emr-bridge, PostgreSQL + Kafka"
DOOR = "emr-bridge, door alone, PostgreSQL"
SQLITE = "emr-bridge, SQLite"
ACK_ONLY = "our framing, ACK only"
RAW = "raw asyncpg loop"
CORE = "our framing, Core, one tx each"
PYTHON_HL7 = "python-hl7, ACK only"
HL7APY = "hl7apy, ACK only"
HL7APY_PARSES = "hl7apy, parse + ACK"


def series(servers: Servers) -> Series:
    """Return who competes at the door."""
    return Series(
        name="mllp",
        title="MLLP: REF^I12 of 1.5 kB in, ACK out",
        unit="messages",
        width="links",
        contenders=[
            raw_loop(servers, (1, 32)),
            bridge.whole(servers, OURS, (1, 8, 64)),
            bridge.door_alone(servers, DOOR, (1, 64)),
            bridge.on_sqlite(SQLITE, (1, 64)),
            served(ACK_ONLY, (64,), lambda port: module("benchmarks.peers.ack_only", port)),
            core_per_message(servers),
            served(PYTHON_HL7, (1, 64), lambda port: module("benchmarks.peers.python_hl7", port)),
            served(HL7APY, (64,), lambda port: module("benchmarks.peers.hl7apy_server", port)),
            served(
                HL7APY_PARSES,
                (64,),
                lambda port: module("benchmarks.peers.hl7apy_server", port, "parse"),
            ),
            *peers.mllp_servers(servers),
        ],
        aims=aims(),
        notes=[
            f"{OURS}: the real process with sealing, interpreter, relay and logs.",
            f"{DOOR}: its listener alone, as the baselines have nothing behind the door either.",
            f"{RAW}: connections instead of links; no socket of MLLP at all.",
        ],
    )


def aims() -> Sequence[Aim]:
    """Return G1 to G7, G15 and G16."""
    ours, alone = Cell(OURS, 64), Cell(OURS, 1)
    medplum, camel = peers.MEDPLUM, peers.CAMEL
    return [
        Aim("G1", ours, 2.5, Cell(RAW, 32)),
        Aim("G1, door", Cell(DOOR, 64), 2.5, Cell(RAW, 32)),
        Aim("G2", ours, 6, Cell(CORE, 64)),
        Aim("G3", alone, 0.7, Cell(RAW, 1)),
        Aim("G3, door", Cell(DOOR, 1), 0.7, Cell(RAW, 1)),
        Aim("G4", ours, 20, Cell(PYTHON_HL7, 64)),
        Aim("G4", alone, 2.5, Cell(PYTHON_HL7, 1)),
        Aim("G5", ours, 8, Cell(HL7APY, 64)),
        Aim("G5", ours, 400, Cell(HL7APY_PARSES, 64)),
        Aim("G6", ours, 1.3, Cell(medplum, 64)),
        Aim("G6", alone, 0.25, Cell(medplum, 1)),
        Aim("G7", Cell(ACK_ONLY, 64), 5, Cell(medplum, 64)),
        Aim("G15", ours, 1.2, Cell(camel, 64)),
        Aim("G15", Cell(OURS, 8), 1.3, Cell(camel, 8)),
        Aim("G15", alone, 1.1, Cell(camel, 1)),
        Aim("G16", ours, 3, Cell(peers.HAPI, 64)),
    ]


def served(
    name: str, widths: tuple[int, ...], command: Callable[[int], Sequence[Argument]]
) -> Contender:
    """Return a server that is started once: it keeps nothing, so it does not change."""

    @asynccontextmanager
    async def ready() -> AsyncGenerator[Measure]:
        port = free_port()
        async with running(command(port)) as process:
            await listens(process, port)

            async def measure(load: Load) -> Sample:
                return await mllp.send(port, load)

            yield measure

    return Contender(name, widths, ready)


def raw_loop(servers: Servers, widths: tuple[int, ...]) -> Contender:
    """Return the floor: one statement, one commit, nothing else."""

    @asynccontextmanager
    async def ready() -> AsyncGenerator[Measure]:
        servers.postgresql()

        async def measure(load: Load) -> Sample:
            url = await servers.new_database("raw_loop")
            loop = module("benchmarks.peers.raw_loop", url, load.width, load.seconds)
            return Sample(**json.loads(await output_of(loop)))

        yield measure

    return Contender(RAW, widths, ready)


def core_per_message(servers: Servers) -> Contender:
    """Return our server with a transaction of SQLAlchemy Core for each message."""

    @asynccontextmanager
    async def ready() -> AsyncGenerator[Measure]:
        servers.postgresql()

        async def measure(load: Load) -> Sample:
            url = await servers.new_database("core_per_message")
            url, port = url.replace("postgresql:", "postgresql+asyncpg:"), free_port()
            command = module("benchmarks.peers.core_per_message", port, url)
            async with running(command) as process:
                await listens(process, port)
                return await mllp.send(port, load)

        yield measure

    return Contender(CORE, (64,), ready)
