"""Every history leads to the tables of the code, adds only, and carries the rows of older versions along."""

from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Inspector, MetaData, inspect, text
from tests.migrations.conftest import MakeUrl
from tests.migrations.frozen import EVERYTHING, Frozen

import emr_bridge.store.tables
import intake.store.tables
import notifications.store.tables
from common import migrations
from common.database import Database
from common.migrations import NotMigrated

METADATA: dict[str, MetaData] = {
    "intake": intake.store.tables.metadata,
    "emr-bridge": emr_bridge.store.tables.metadata,
    "notifications": notifications.store.tables.metadata,
}
each_service = pytest.mark.parametrize("service", METADATA)
each_frozen = pytest.mark.parametrize(
    "frozen", EVERYTHING, ids=lambda f: f"{f.service}-{f.revision}-{f.life}"
)


def history(service: str) -> str:
    return f"{service.replace('-', '_')}.migrations"


@pytest.fixture
async def db(any_url: MakeUrl) -> AsyncGenerator[Database]:
    db = Database(await any_url("service"))
    yield db
    await db.close()


@each_service
async def test_an_empty_database_is_brought_to_the_tables_that_the_code_uses(db, service):
    """INVARIANT: a column, type, index or constraint that only one of the two has breaks this."""
    await migrations.upgrade(db, history(service))
    await migrations.upgrade(db, history(service))
    async with db.read() as tx:
        assert await tx.run_sync(lambda c: differences(c, METADATA[service])) == []
        migrated = await tx.run_sync(names)
    await drop(db)
    await db.create_all(METADATA[service])
    async with db.read() as tx:
        assert migrated == await tx.run_sync(names)


async def drop(db: Database) -> None:
    """Empty a database of every table."""
    async with db.begin() as tx:
        found = MetaData()
        await tx.run_sync(found.reflect)
        await tx.run_sync(found.drop_all)


def differences(connection: Connection, metadata: MetaData) -> list[Any]:
    """Return what Alembic would write as the next migration."""
    options = {"compare_type": True, "compare_server_default": True}
    found = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    return [d for d in found if "alembic_version" not in str(d)]


def names(connection: Connection) -> dict[str, Any]:
    """Return how everything is called."""
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


@each_service
async def test_a_service_is_not_ready_on_a_database_that_is_older_than_it(db, service):
    """INVARIANT: nobody is sent to a service that cannot keep anything; one newer is well, to go back."""
    asked = migrations.Revision(db, service, history(service))
    with pytest.raises(NotMigrated, match=f"none.*migrate --service {service}"):
        await asked.check()
    await migrations.upgrade(db, history(service), revision="0001")
    with pytest.raises(NotMigrated, match="0001"):
        await asked.check()
    await migrations.upgrade(db, history(service))
    await asked.check()
    async with db.begin() as tx:
        await tx.execute(text("UPDATE alembic_version SET version_num = 'of the next release'"))
    await migrations.Revision(db, service, history(service)).check()


@each_service
async def test_a_history_can_be_taken_back_to_nothing(db, service):
    await migrations.upgrade(db, history(service))
    async with db.begin() as tx:
        await tx.run_sync(lambda c: command.downgrade(configured(c, service), "base"))
    async with db.read() as tx:
        assert await tx.run_sync(lambda c: inspect(c).get_table_names()) == ["alembic_version"]


def configured(connection: Connection, service: str) -> Any:
    return migrations.configuration(history(service), connection)


@each_service
async def test_each_revision_leaves_room_for_the_version_before_it(db, service):
    """INVARIANT: replicas of the old version go on while the tables are new already.

    Something taken away, renamed or narrowed breaks it: that is for a later release, by a revision
    that says `contract = True`.
    """
    before: dict[str, Any] = {}
    for revision in revisions(service):
        await migrations.upgrade(db, history(service), revision=revision.revision)
        async with db.read() as tx:
            after = await tx.run_sync(shape)
        if not getattr(revision.module, "contract", False):
            assert list(narrowed(before, after)) == [], revision.revision
        before = after


def revisions(service: str) -> list[Any]:
    """Return the revisions of a service, the first one first."""
    nobody: Any = None  # the scripts are read, not run
    scripts = ScriptDirectory.from_config(configured(nobody, service))
    found = list(scripts.walk_revisions())
    assert not any(revision.is_merge_point or revision.is_branch_point for revision in found)
    return found[::-1]


@dataclass(frozen=True)
class Shape:
    """What a version may rely on of a table."""

    columns: dict[str, tuple[str, bool, bool]]
    """Of each column its type, whether it may be empty, and whether the database fills it."""
    unique: frozenset[tuple[str, ...]]


def shape(connection: Connection) -> dict[str, Shape]:
    """Return the shape of every table."""
    found = inspect(connection)
    return {
        name: Shape(
            {
                c["name"]: (str(c["type"]), c["nullable"], c["default"] is not None)
                for c in found.get_columns(name)
            },
            frozenset(
                tuple(name for name in one["column_names"] if name)
                for one in unique_ones(found, name)
            ),
        )
        for name in found.get_table_names()
    }


def unique_ones(found: Inspector, table: str) -> list[Any]:
    """Return the constraints and indexes that let nothing stand twice."""
    indexes = [index for index in found.get_indexes(table) if index["unique"]]
    return [*found.get_unique_constraints(table), *indexes]


def narrowed(before: dict[str, Shape], after: dict[str, Shape]) -> Iterator[str]:
    """Yield what a version that knows only `before` cannot read or write any more."""
    for name, old in before.items():
        if name not in after:
            yield f"{name} is gone"
            continue
        yield from (f"{name}.{what}" for what in narrower(old, after[name]))


def narrower(old: Shape, new: Shape) -> Iterator[str]:
    """Yield what is narrower in one table."""
    for column, (type_, nullable, _) in old.columns.items():
        if column not in new.columns:
            yield f"{column} is gone"
        elif new.columns[column][0] != type_:
            yield f"{column} has another type"
        elif nullable and not new.columns[column][1]:
            yield f"{column} may not be empty any more"
    for column in new.columns.keys() - old.columns.keys():
        _, nullable, is_filled = new.columns[column]
        if not (nullable or is_filled):
            yield f"{column} is asked of those who do not know it"
    yield from (f"{columns} must be unique" for columns in new.unique - old.unique)


@pytest.mark.parametrize(
    ("column", "unique"),
    [
        ({}, ()),
        ({"a": ("INTEGER", True, False)}, ()),
        ({"a": ("TEXT", False, False)}, ()),
        ({"a": ("TEXT", True, False), "b": ("TEXT", False, False)}, ()),
        ({"a": ("TEXT", True, False)}, (("a",),)),
    ],
)
def test_what_leaves_no_room_is_noticed(column, unique):
    old = Shape({"a": ("TEXT", True, False)}, frozenset())
    assert list(narrower(old, Shape(column, frozenset(unique))))
    assert list(narrowed({"t": old}, {}))
    wider = Shape(
        old.columns | {"b": ("TEXT", True, False), "c": ("INTEGER", False, True)}, old.unique
    )
    assert not list(narrower(old, wider))


@each_frozen
async def test_the_rows_of_an_older_version_are_all_there_after_the_upgrade(db, frozen: Frozen):
    """INVARIANT: an upgrade loses and alters nothing. A table made anew without a column breaks it."""
    await migrations.upgrade(db, history(frozen.service), revision=frozen.revision)
    await frozen.put(db)
    await migrations.upgrade(db, history(frozen.service))
    assert await frozen.left(db) == frozen.rows()


@each_frozen
async def test_an_older_version_can_write_into_the_newest_tables(db, frozen: Frozen):
    """INVARIANT: in a rolling upgrade the old replicas write what they always wrote."""
    await migrations.upgrade(db, history(frozen.service))
    await frozen.put(db)
    assert await frozen.left(db) == frozen.rows()
