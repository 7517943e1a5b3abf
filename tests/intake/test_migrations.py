"""The history of intake's tables leads to the tables."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from common import migrations
from common.database import Database
from intake.store.tables import metadata


def _differences(connection):
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return [d for d in compare_metadata(context, metadata) if "alembic_version" not in str(d)]


def _names(connection):
    found = inspect(connection)
    return {
        table: (
            {i["name"] for i in found.get_indexes(table)},
            {u["name"] for u in found.get_unique_constraints(table)},
            {f["name"] for f in found.get_foreign_keys(table)},
            found.get_pk_constraint(table)["name"],
        )
        for table in found.get_table_names()
        if table != "alembic_version"
    }


async def test_an_empty_database_is_brought_to_the_tables_that_the_code_uses(db_url, make_database):
    """INVARIANT: a column, index or constraint that only one of the two has breaks this."""
    db, made = Database(db_url), await make_database(metadata)
    await migrations.upgrade(db, "intake.migrations")
    await migrations.upgrade(db, "intake.migrations")
    async with db.begin() as tx, made.begin() as other:
        assert await tx.run_sync(_differences) == []
        assert await tx.run_sync(_names) == await other.run_sync(_names)
    await db.close()
