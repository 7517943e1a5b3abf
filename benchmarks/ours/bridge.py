"""emr-bridge as a contender, fresh for every measurement: whole, on SQLite, or its door alone."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness.contender import Contender, Load, Measure, Sample
from benchmarks.harness.process import free_port, listens, module, running
from benchmarks.harness.servers import Servers
from benchmarks.load import mllp
from benchmarks.ours import fresh
from benchmarks.ours.clinic import CLINIC, LINK, SENDER
from common.database import Database
from emr_bridge.domain.link import Link, link_id
from emr_bridge.store import links

SERVICE = "emr-bridge"


def whole(servers: Servers, name: str, widths: tuple[int, ...]) -> Contender:
    """Return `python -m emr_bridge` on PostgreSQL and Kafka: door, interpreter, relay, all."""

    @asynccontextmanager
    async def ready() -> AsyncGenerator[Measure]:
        mllp.program()
        servers.kafka()
        await fresh.template(servers, SERVICE, know_sender)

        async def measure(load: Load) -> Sample:
            async with fresh.on_servers(servers, SERVICE) as replica:
                return await mllp.send(replica.mllp_port, load)

        yield measure

    return Contender(name, widths, ready)


def on_sqlite(name: str, widths: tuple[int, ...]) -> Contender:
    """Return `python -m emr_bridge` on its defaults: files of SQLite, the log too."""

    @asynccontextmanager
    async def ready() -> AsyncGenerator[Measure]:
        mllp.program()

        async def measure(load: Load) -> Sample:
            with TemporaryDirectory() as folder:
                file = f"sqlite:///{folder}/{SERVICE}.db"
                await fresh.migrated(file, SERVICE, know_sender)
                async with fresh.process(SERVICE, Path(folder), {}) as replica:
                    return await mllp.send(replica.mllp_port, load)

        yield measure

    return Contender(name, widths, ready)


def door_alone(servers: Servers, name: str, widths: tuple[int, ...]) -> Contender:
    """Return emr-bridge's listener alone on PostgreSQL: nobody interprets or publishes beside it."""

    @asynccontextmanager
    async def ready() -> AsyncGenerator[Measure]:
        mllp.program()
        await fresh.template(servers, SERVICE, know_sender)

        async def measure(load: Load) -> Sample:
            url = await servers.new_database("door", template="emr_bridge_template")
            port = free_port()
            async with running(module("benchmarks.ours.door", port, url)) as process:
                await listens(process, port)
                return await mllp.send(port, load)

        yield measure

    return Contender(name, widths, ready)


async def know_sender(db: Database) -> None:
    """Register the link that the messages come by, as the clinic's registration would."""
    application, facility = SENDER
    link = Link(
        id=link_id(CLINIC, LINK["id"]),
        clinic_id=CLINIC,
        sending_application=application,
        sending_facility=facility,
    )
    async with db.begin() as tx:
        await links.replace(tx, CLINIC, [link])
