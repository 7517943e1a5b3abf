"""emr-bridge as a process of its own, fresh for every measurement: whole, or its door alone."""

import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.system.trio import KEYS, Replica

from benchmarks.harness.contender import Contender, Load, Measure, Sample
from benchmarks.harness.process import free_port, listens, module, running
from benchmarks.harness.servers import Servers
from benchmarks.load import mllp
from common import migrations
from common.database import Database
from emr_bridge.domain.link import Link, link_id
from emr_bridge.store import links

CLINIC = "north-rheum"
SENDER = ("EPIC", "NORTHRHEUM")


def whole(servers: Servers, name: str, widths: tuple[int, ...]) -> Contender:
    """Return `python -m emr_bridge` on PostgreSQL and Kafka: door, interpreter, relay, all."""

    @asynccontextmanager
    async def ready() -> AsyncGenerator[Measure]:
        mllp.program()
        await know_sender(await servers.new_database("bridge_template"), migrate=True)
        servers.kafka()

        async def measure(load: Load) -> Sample:
            environment = {
                "EMR_BRIDGE_DATABASE_URL": await servers.new_database(
                    "bridge", template="bridge_template"
                ),
                "EVENT_LOG_URL": await servers.new_topics(),
            }
            with tempfile.TemporaryDirectory() as folder:
                return await _load_fresh(folder, environment, load)

        yield measure

    return Contender(name, widths, ready)


def on_sqlite(name: str, widths: tuple[int, ...]) -> Contender:
    """Return `python -m emr_bridge` on its defaults: files of SQLite, the log too."""

    @asynccontextmanager
    async def ready() -> AsyncGenerator[Measure]:
        mllp.program()

        async def measure(load: Load) -> Sample:
            with tempfile.TemporaryDirectory() as folder:
                await know_sender(f"sqlite+aiosqlite:///{folder}/emr-bridge.db", migrate=True)
                return await _load_fresh(folder, {}, load)

        yield measure

    return Contender(name, widths, ready)


def door_alone(servers: Servers, name: str, widths: tuple[int, ...]) -> Contender:
    """Return emr-bridge's listener alone on PostgreSQL: nobody interprets or publishes beside it."""

    @asynccontextmanager
    async def ready() -> AsyncGenerator[Measure]:
        mllp.program()

        async def measure(load: Load) -> Sample:
            url = await servers.new_database("door")
            await know_sender(url, migrate=True)
            port = free_port()
            async with running(module("benchmarks.ours.door", port, url)) as process:
                await listens(process, port)
                return await mllp.send(port, load)

        yield measure

    return Contender(name, widths, ready)


async def know_sender(url: str, *, migrate: bool) -> None:
    """Register the link that the messages come by, as the clinic's registration would."""
    application, facility = SENDER
    link = Link(
        id=link_id(CLINIC, "epic"),
        clinic_id=CLINIC,
        sending_application=application,
        sending_facility=facility,
    )
    db = Database(url)
    try:
        if migrate:
            await migrations.upgrade(db, "emr_bridge.migrations")
        async with db.begin() as tx:
            await links.replace(tx, CLINIC, [link])
    finally:
        await db.close()


async def _load_fresh(folder: str, environment: Mapping[str, str], load: Load) -> Sample:
    own = {"DATA_DIR": folder, "LOG_FORMAT": "json", "SEALING_KEYS": KEYS, **environment}
    replica = Replica("emr-bridge", 0, Path(folder), own)
    await replica.start()
    try:
        await replica.until_ready()
        return await mllp.send(replica.mllp_port, load)
    finally:
        await replica.kill()
