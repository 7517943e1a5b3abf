import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect
from sqlalchemy.exc import DBAPIError
from tests.common.sample import metadata

from common import migrations
from common.database import Database

HISTORY = "tests.common.history"
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
