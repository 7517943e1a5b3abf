"""Alembic for a service's own database: upgraded at start when embedded, by command otherwise."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from alembic import command, context
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from common import failpoints
from common.database import Database, Transaction
from common.errors import Misconfigured, ReferralLoopError
from common.postgresql import connect_args
from common.sqlite_driver import PATIENCE_MILLISECONDS

TURN = int.from_bytes(b"migrate", "big")
"""The advisory lock under which one replica migrates; who waits for it finds nothing left to do."""

PATIENCE = "10s"
"""How long a change waits for a table. While it waits, everybody else waits behind it: rather fail."""


class NotMigrated(Misconfigured):
    """The database is older than this release; a newer one is well: an older release works on it."""


class BrokenReferences(ReferralLoopError):
    """A migration left rows that refer to none; nothing of it was kept."""


async def upgrade(
    db: Database, package: str, *, revision: str = "head", patience: str = PATIENCE
) -> None:
    """Bring the database to a revision, all or nothing; `package` is such as `intake.migrations`.

    Any number of processes may do so at once. `patience` is a time as PostgreSQL writes it.
    """
    async with _transaction(db) as tx:
        if not db.is_sqlite:  # there the file has one writer
            await tx.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": TURN})
            await tx.execute(text(f"SET LOCAL lock_timeout = '{patience}'"))
        await tx.run_sync(_run, package, revision)
        if db.is_sqlite:
            await _check_references(tx)
        failpoints.reach("in_migration")


class Revision:
    """Whether a service's database has what this release needs; asked until it has, then believed."""

    def __init__(self, db: Database, service: str, package: str) -> None:
        """Ask nothing yet."""
        self._db = db
        self._service = service
        self._package = package
        self._is_well = False

    async def check(self) -> None:
        """Raise NotMigrated while `migrate` was not run, or not by this release."""
        if self._is_well:
            return
        async with self._db.read() as tx:
            found = await tx.run_sync(lambda c: MigrationContext.configure(c).get_current_heads())
        known = [one.revision for one in _scripts(self._package).walk_revisions()]
        if not found or set(found) & set(known[1:]):
            raise NotMigrated(
                f"the database is at revision {', '.join(found) or 'none'}, this release needs "
                f"{known[0]}: run `referral-loop migrate --service {self._service}`"
            )
        self._is_well = True


def _scripts(package: str) -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", _location(package))
    return ScriptDirectory.from_config(config)


@asynccontextmanager
async def _transaction(db: Database) -> AsyncGenerator[Transaction]:
    """Open the one transaction of an upgrade, on a connection that is nobody else's.

    On SQLite it follows no foreign key: a table is changed by making it anew, and dropping the old
    one would delete the rows that refer to it, or be refused for their sake.
    """
    told = {} if db.is_sqlite else connect_args()
    engine = create_async_engine(db.url, poolclass=NullPool, connect_args=told)
    if db.is_sqlite:
        event.listen(engine.sync_engine, "connect", _follow_no_keys)
        event.listen(engine.sync_engine, "begin", lambda tx: tx.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        async with engine.begin() as tx:
            yield tx
    finally:
        await engine.dispose()


def _follow_no_keys(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    """Set what has no effect once a transaction is open; the driver's own BEGIN is switched off."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for setting in (
        f"busy_timeout={PATIENCE_MILLISECONDS}",
        "synchronous=FULL",
        "foreign_keys=OFF",
    ):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


async def _check_references(tx: Transaction) -> None:
    """Ask SQLite, which followed no foreign key meanwhile, whether each leads somewhere."""
    broken = (await tx.exec_driver_sql("PRAGMA foreign_key_check")).all()
    if broken:
        tables = ", ".join(sorted({str(row[0]) for row in broken}))
        raise BrokenReferences(f"rows of {tables} refer to rows that are gone")


def _run(connection: Connection, package: str, revision: str) -> None:
    command.upgrade(configuration(package, connection), revision)


def configuration(package: str, connection: Connection) -> Config:
    """Return Alembic's configuration for a service's history on an open connection."""
    config = Config()
    config.set_main_option("script_location", _location(package))
    config.attributes["connection"] = connection
    return config


def _location(package: str) -> str:
    return package.replace(".", ":", 1).replace(".", "/")


def run_env(metadata: MetaData) -> None:
    """Do what a service's `env.py` has to do: run the migrations on the connection that was given."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        render_as_batch=True,
        compare_type=True,
        transactional_ddl=False,
    )
    context.run_migrations()
