"""A service as a process of its own on PostgreSQL and Kafka, with a fresh database and fresh topics."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # no py.typed in the wheel
from tests.system.trio import KEYS, Replica, module_of

from benchmarks.harness.servers import Servers, plain
from common import migrations
from common.database import Database

NONE: Mapping[str, str] = {}

SETTLE_SECONDS = 2.0
"""A service is ready before all of it runs: its consumer joins, the process that reads starts."""

Prepare = Callable[[Database], Awaitable[None]]


async def template(servers: Servers, service: str, prepare: Prepare | None = None) -> None:
    """Make the database that each measurement copies."""
    url = await servers.new_database(f"{module_of(service)}_template")
    await migrated(url, service, prepare)


async def migrated(url: str, service: str, prepare: Prepare | None = None) -> None:
    """Bring a database up to date, and put in it what a measurement needs."""
    db = Database(url)
    try:
        await migrations.upgrade(db, f"{module_of(service)}.migrations")
        if prepare is not None:
            await prepare(db)
    finally:
        await db.close()


async def analyze(url: str) -> None:
    """Have PostgreSQL look at what is in its tables now, as it does by itself within a minute."""
    connection: Any = await asyncpg.connect(plain(url))
    try:
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


@asynccontextmanager
async def on_servers(
    servers: Servers,
    service: str,
    *,
    log_url: str | None = None,
    environment: Mapping[str, str] = NONE,
) -> AsyncGenerator[Replica]:
    """Run the service on a copy of its template, on new topics unless told which."""
    name = module_of(service)
    url = await servers.new_database(name, template=f"{name}_template")
    log_url = log_url or await servers.new_topics()
    own = {f"{name.upper()}_DATABASE_URL": url, "EVENT_LOG_URL": log_url, **environment}
    with TemporaryDirectory() as folder:
        async with process(service, Path(folder), own) as replica:
            yield replica


@asynccontextmanager
async def process(
    service: str, folder: Path, environment: Mapping[str, str]
) -> AsyncGenerator[Replica]:
    """Run the service until the end of the block, then kill it: what it has left nobody needs."""
    own = {"DATA_DIR": str(folder), "LOG_FORMAT": "json", "SEALING_KEYS": KEYS}
    replica = Replica(service, 0, folder, own | dict(environment))
    await replica.start()
    try:
        await replica.until_ready()
        await asyncio.sleep(SETTLE_SECONDS)
        yield replica
    finally:
        await replica.kill()
