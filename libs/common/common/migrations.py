"""Alembic for a service's own database: upgraded at start when embedded, by command otherwise."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from common import failpoints
from common.database import Database, Transaction
from common.errors import ReferralLoopError
from common.postgresql import connect_args
from common.sqlite_driver import PATIENCE_MILLISECONDS

TURN = int.from_bytes(b"migrate", "big")
"""The advisory lock under which one replica migrates; who waits for it finds nothing left to do."""

PATIENCE = "10s"
"""How long a change waits for a table. While it waits, everybody else waits behind it: rather fail."""


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
    config.set_main_option("script_location", package.replace(".", ":", 1).replace(".", "/"))
    config.attributes["connection"] = connection
    return config


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
