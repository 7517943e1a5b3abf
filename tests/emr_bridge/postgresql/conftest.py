"""The tests of this folder get a database on PostgreSQL, where transactions really run side by side."""

from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest
from sqlalchemy import MetaData
from tests.servers.plugin import empty_database
from tests.servers.postgresql import PostgresServer

from common.database import Database


@pytest.fixture
async def make_database(
    postgresql: PostgresServer,
) -> AsyncGenerator[Callable[[MetaData], Awaitable[Database]]]:
    opened: list[Database] = []

    async def make(metadata: MetaData) -> Database:
        db = Database(await empty_database(postgresql))
        opened.append(db)
        await db.create_all(metadata)
        return db

    yield make
    for db in opened:
        await db.close()
