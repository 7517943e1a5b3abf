"""One database of one service: SQLite (embedded) or PostgreSQL, and the transaction as a value.

Knows how to begin, commit and wake; knows no table but those that every service shares.
"""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    Dialect,
    Integer,
    MetaData,
    Table,
    TypeDecorator,
    event,
    make_url,
    text,
)
from sqlalchemy import (
    DateTime as SqlDateTime,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.types import TypeEngine

from common import failpoints
from common.errors import Misconfigured
from common.postgresql import connect_args, refuse_closed
from common.signals import Signal
from common.sqlite_dialect import Reader, open_at_once
from common.sqlite_writer import Writer

Transaction = AsyncConnection

Json = JSON().with_variant(postgresql.JSONB(), "postgresql")
"""A JSON column: JSONB on PostgreSQL."""

AutoId = BigInteger().with_variant(Integer(), "sqlite")
"""A key that the database counts up; SQLite counts only INTEGER."""

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

POOL = 8
"""Connections per process: more than this only hurt when measured on two cores."""

ROWS_WRITTEN = "rows_written"
EVENTS_WAIT = "events_wait"


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time: aware UTC in, aware UTC out, on both engines."""

    impl = SqlDateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Use timestamptz where there is one."""
        return dialect.type_descriptor(SqlDateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive time; SQLite stores UTC without the zone, so that text order is time order."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime reached the database")
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else utc.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, _: Dialect) -> datetime | None:
        """Give the zone back."""
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


class Database:
    """A service's own database."""

    def __init__(self, url: str) -> None:
        """Open lazily: `sqlite:///path` or `postgresql://…`, with or without the driver's name."""
        self.url = _with_driver(url)
        self.committed = Signal()
        """Woken after every commit of rows."""
        self.told = Signal()
        """Woken after every commit of events: what the relay waits for."""
        self._engine = _engine(self.url, read_only=False)
        self._reader = _engine(self.url, read_only=True) if self.is_sqlite else self._engine
        self._writer = Writer(self._engine) if self.is_sqlite else self._engine

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    @property
    def is_sqlite(self) -> bool:
        """Whether one writer at a time has the file."""
        return self.dialect == "sqlite"

    @asynccontextmanager
    async def begin(self, *, wakes: bool = True) -> AsyncGenerator[Transaction]:
        """Open a transaction: leaving commits, an error rolls back.

        Whoever waits on `committed` is woken if rows were written; were an empty one to wake them
        too, two workers that find nothing to claim would wake each other for ever. With `wakes`
        off nobody is: for rows of which no worker could make anything.
        """
        async with self._writer.begin() as tx:
            before = _rows_written(tx)
            tx.info.pop(EVENTS_WAIT, None)
            yield tx
            wrote = _rows_written(tx) != before
            told = tx.info.pop(EVENTS_WAIT, False)
            if wrote:
                failpoints.reach("before_commit")
        if wrote:
            failpoints.reach("after_commit")
            if wakes:
                self.committed.notify()
        if told:
            self.told.notify()

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[Transaction]:
        """Open a connection for reading only; it does not queue behind the writer."""
        async with self._reader.connect() as tx:
            if not self.is_sqlite:
                await tx.execution_options(postgresql_readonly=True)
            yield tx

    def connection(self) -> AsyncConnection:
        """Return a writing connection to be opened: for a measured hot path that asks the driver itself."""
        return self._engine.connect()

    @contextmanager
    def committing(self) -> Generator[None]:
        """Go around a statement that is a transaction of its own, of a hot path; wake as `begin` does.

        The place before the commit is before the statement: it is one step.
        """
        failpoints.reach("before_commit")
        yield
        failpoints.reach("after_commit")
        self.committed.notify()

    async def create_all(self, metadata: MetaData) -> None:
        """Create the tables without their history: for tests and for the log's own file."""
        async with self.begin() as tx:
            await tx.run_sync(metadata.create_all)

    async def ping(self) -> None:
        """Raise what the driver raises when the database does not answer."""
        async with self.read() as tx:
            await tx.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Give back every connection."""
        if isinstance(self._writer, Writer):
            await self._writer.close()
        await self._engine.dispose()
        if self._reader is not self._engine:
            await self._reader.dispose()


def events_wait(tx: Transaction) -> None:
    """Have the relay woken when this transaction commits."""
    tx.info[EVENTS_WAIT] = True


def count_written(tx: Transaction, rows: int) -> None:
    """Count rows that a statement of the driver's own wrote on PostgreSQL: SQLAlchemy's are seen."""
    _add_written(cast("Connection", tx.sync_connection), rows)


def insert_new(tx: Transaction, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that passes over rows which are there already (any unique key)."""
    if tx.dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


def _with_driver(url: str) -> str:
    for plain, full in (("sqlite:", "sqlite+aiosqlite:"), ("postgresql:", "postgresql+asyncpg:")):
        if url.startswith(plain):
            return full + url.removeprefix(plain)
    return url


def _engine(url: str, *, read_only: bool) -> AsyncEngine:
    if not url.startswith("sqlite"):
        # What was used last is warm on both sides; with the pool's own order each takes its turn.
        engine = create_async_engine(
            url, pool_size=POOL, max_overflow=0, pool_use_lifo=True, connect_args=connect_args()
        )
        event.listen(engine.sync_engine, "checkout", refuse_closed)
        event.listen(engine.sync_engine, "after_cursor_execute", _count_rows)
        return engine
    path = make_url(url).database
    if not path or path == ":memory:":
        raise Misconfigured("a database in memory would forget what was acknowledged; name a file")
    Path(path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if read_only:
        opening: dict[str, Any] = {"async_creator": lambda: Reader(path).open()}
    else:
        opening = {"creator": lambda: open_at_once(path)}
    engine = create_async_engine(
        url, pool_size=POOL if read_only else 1, max_overflow=0, pool_timeout=60, **opening
    )
    if read_only:
        event.listen(engine.sync_engine, "begin", lambda tx: tx.exec_driver_sql("BEGIN"))
    return engine


def _rows_written(tx: Transaction) -> int:
    """Return how many rows this connection has written in its life; only the difference matters."""
    connection = cast("Connection", tx.sync_connection)
    if connection.dialect.name == "sqlite":
        written: int = connection.connection.driver_connection.total_changes  # type: ignore[union-attr]
        return written
    return int(connection.info.get(ROWS_WRITTEN, 0))


def _count_rows(
    connection: Connection,
    cursor: DBAPICursor,
    _statement: str,
    _parameters: object,
    context: DefaultExecutionContext | None,
    _many: bool,  # noqa: FBT001 - the signature of SQLAlchemy's event
) -> None:
    """Add what a statement wrote; -1, which drivers say of batches, counts as something."""
    if context is not None and (context.isinsert or context.isupdate or context.isdelete):
        _add_written(connection, abs(cursor.rowcount))


def _add_written(connection: Connection, rows: int) -> None:
    connection.info[ROWS_WRITTEN] = connection.info.get(ROWS_WRITTEN, 0) + rows
