from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from common import migrations
from common.database import Database
from notifications.store.tables import metadata

HISTORY = "notifications.migrations"


def differences(connection: Any) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, metadata))


async def test_an_empty_database_is_brought_to_exactly_the_tables_of_the_code(
    db_url: str,
) -> None:
    db = Database(db_url)
    await migrations.upgrade(db, HISTORY)
    async with db.read() as tx:
        assert await tx.run_sync(differences) == []
    await db.close()


async def test_the_first_revision_can_be_taken_back(db_url: str) -> None:
    db = Database(db_url)
    await migrations.upgrade(db, HISTORY)
    async with db.begin() as tx:
        await tx.run_sync(_downgrade)
    async with db.read() as tx:
        left = await tx.run_sync(lambda connection: inspect(connection).get_table_names())
    assert left == ["alembic_version"]
    await db.close()


def _downgrade(connection: Any) -> None:
    command.downgrade(migrations.configuration(HISTORY, connection), "base")
