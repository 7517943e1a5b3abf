import asyncio

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError
from tests.common.sample import metadata

from common import migrations
from common.database import Database
from common.migrations import BrokenReferences

HISTORY = "tests.common.history"
REBUILDING = "tests.common.rebuilding_history"
BROKEN = "tests.common.broken_history"


@pytest.fixture
async def db(db_url):
    db = Database(db_url)
    yield db
    await db.close()


async def tables(db) -> set[str]:
    async with db.read() as tx:
        return set(await tx.run_sync(lambda connection: inspect(connection).get_table_names()))


async def test_an_empty_database_is_brought_to_the_newest_revision(db):
    await migrations.upgrade(db, HISTORY)
    assert await tables(db) == {*metadata.tables, "alembic_version"}


async def test_upgrading_twice_changes_nothing(db):
    await migrations.upgrade(db, HISTORY)
    await migrations.upgrade(db, HISTORY)
    async with db.read() as tx:
        differences = await tx.run_sync(
            lambda connection: compare_metadata(MigrationContext.configure(connection), metadata)
        )
    assert differences == []


async def test_a_migration_that_fails_leaves_the_database_as_it_was(db):
    """INVARIANT: a migration is one transaction. Broken by a history that commits for itself."""
    with pytest.raises(DBAPIError):
        await migrations.upgrade(db, BROKEN)
    assert await tables(db) == set()


async def children(db) -> int:
    async with db.read() as tx:
        return int(await tx.scalar(text("SELECT count(*) FROM children")))


async def test_a_table_that_is_made_anew_keeps_the_rows_that_refer_to_it(db):
    """INVARIANT: no migration deletes what it does not name. Broken by dropping a parent's table
    while SQLite follows foreign keys: ON DELETE CASCADE takes the children along."""
    await migrations.upgrade(db, REBUILDING, revision="0001")
    await migrations.upgrade(db, REBUILDING, revision="0002")
    assert await children(db) == 2
    async with db.read() as tx:
        columns = await tx.run_sync(lambda c: inspect(c).get_columns("parents"))
    assert [column["nullable"] for column in columns if column["name"] == "name"] == [False]


async def test_after_a_migration_references_are_followed_again(db):
    await migrations.upgrade(db, REBUILDING, revision="0002")
    with pytest.raises(DBAPIError):
        async with db.begin() as tx:
            await tx.execute(text("INSERT INTO children VALUES (9, 9)"))


async def test_a_migration_that_leaves_rows_without_their_parent_is_undone(db):
    await migrations.upgrade(db, REBUILDING, revision="0002")
    with pytest.raises((DBAPIError, BrokenReferences)):
        await migrations.upgrade(db, REBUILDING)
    assert await children(db) == 2


async def test_any_number_of_processes_may_migrate_at_once(db):
    """INVARIANT: replicas that start together bring the tables up once. Broken without the lock."""
    replicas = [Database(db.url) for _ in range(4)]
    await asyncio.gather(*(migrations.upgrade(replica, HISTORY) for replica in replicas))
    for replica in replicas:
        await replica.close()
    assert await tables(db) == {*metadata.tables, "alembic_version"}
