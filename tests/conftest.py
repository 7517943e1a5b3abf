"""What every test may ask for: fresh databases, a log, keys, and a clock that stands until it is moved."""

import base64
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import MetaData
from tests.servers.clones import Clones
from tests.servers.postgresql import PostgresServer

from common.database import Database
from common.eventlog.sqlite import SqliteEventLog
from common.sealing import Sealer
from common.service import Runtime

pytest_plugins = ["tests.servers.plugin"]

MakeDatabase = Callable[[MetaData], Awaitable[Database]]
RuntimeOf = Callable[[MetaData], Awaitable[Runtime]]


class SettableClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by

    def set(self, now: datetime) -> None:
        self.now = now


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def sealer() -> Sealer:
    return Sealer({"test-1": base64.b64decode("dGVzdC1rZXktdGVzdC1rZXktdGVzdC1rZXktMTIzNCE=")})


@pytest.fixture
def engine() -> str:
    """What databases are made on, `sqlite` or `postgresql`: TEST_DATABASE, where a folder does not say."""
    return os.environ.get("TEST_DATABASE", "sqlite")


@pytest.fixture
async def db_url(
    tmp_path: Path, request: pytest.FixtureRequest, engine: str
) -> AsyncGenerator[str]:
    """The URL of a database without tables, of the same kind as those of `make_database`."""
    if engine != "postgresql":
        yield f"sqlite+aiosqlite:///{tmp_path / 'service.db'}"
        return
    cloned: Clones = request.getfixturevalue("clones")
    url = await cloned.empty()
    yield url
    await cloned.drop(url)


@pytest.fixture
async def make_database(
    tmp_path: Path, request: pytest.FixtureRequest, engine: str
) -> AsyncGenerator[MakeDatabase]:
    """Make databases with all tables: files of SQLite, or copies on a server."""
    opened: list[Database] = []
    cloned = request.getfixturevalue("clones") if engine == "postgresql" else None

    async def make(metadata: MetaData) -> Database:
        if cloned is not None:
            db = Database(await cloned.clone(metadata))
        else:
            db = Database(f"sqlite+aiosqlite:///{tmp_path / f'service-{len(opened)}.db'}")
            await db.create_all(metadata)
        opened.append(db)
        return db

    yield make
    for db in opened:
        await db.close()
        if cloned is not None:
            await cloned.drop(db.url)


@pytest.fixture(scope="session")
def clones(postgresql: PostgresServer) -> Clones:
    return Clones(postgresql)


@pytest.fixture
async def runtime_of(
    tmp_path: Path, make_database: MakeDatabase, sealer: Sealer, clock: SettableClock
) -> AsyncGenerator[RuntimeOf]:
    log = SqliteEventLog(tmp_path / "events.db", clock=clock)

    async def make(metadata: MetaData) -> Runtime:
        return Runtime(db=await make_database(metadata), log=log, sealer=sealer, clock=clock)

    yield make
    await log.close()
