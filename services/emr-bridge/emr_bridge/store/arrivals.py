"""The hot path into `messages`: new rows in one statement of the driver's own, which commits itself.

The measured exception to SQLAlchemy Core (one round trip for a batch). It adds what is new and
nothing else: a row whose key is there already, and any row when the links are no longer of the
revision with which the rows were prepared, is left to the whole way (`handlers.receive`).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from common.database import Database
from common.errors import Retry
from common.rows import Bind, element_of, for_sqlite
from common.verdicts import AWAY
from emr_bridge.store.messages import DOOR, NewMessage
from emr_bridge.store.tables import messages, unread

ANSWER_SECONDS = 20.0
"""How long the database may take over a batch: senders give up after some thirty seconds."""

COLUMNS = tuple(name for name in NewMessage._fields if name not in DOOR)

GIVEN = {"state": "'kept'", "repairs": "'[]'", "duplicates": "0"}
"""What every new row has, as SQL."""

_INTO = ", ".join((*COLUMNS, *GIVEN))


class DatabaseAway(Retry, ConnectionError):
    """The database did not answer, or said that it cannot now."""


class Arrivals(Protocol):
    """Adds new messages, durably."""

    async def add(self, rows: Sequence[NewMessage], *, revision: int | None) -> set[UUID]:
        """Add the rows that are new and commit; return the ids of those that were not added.

        None is added when the links have another `revision`, or None is known. Raises
        DatabaseAway, and what the database says of a row that it refuses: then none is added.
        """
        ...

    async def close(self) -> None:
        """Give back what is held."""
        ...


def arrivals_of(db: Database) -> Arrivals:
    """Return the hot path of a database."""
    return SqliteArrivals(db) if db.is_sqlite else PostgresqlArrivals(db)


class PostgresqlArrivals:
    """Keeps a connection, and on it two prepared statements: of a row, and of rows, as arrays.

    With one message in flight, which is the rule on a link, arrays would cost it a fifth of its time.
    """

    def __init__(self, db: Database) -> None:
        """Connect at the first batch."""
        self._db = db
        self._connection: AsyncConnection | None = None
        self._driver: Any = None
        self._of_one: Any = None
        self._of_many: Any = None

    async def add(self, rows: Sequence[NewMessage], *, revision: int | None) -> set[UUID]:
        """Add the rows that are new and commit; return the ids of those that were not added."""
        if revision is None:
            return {row.id for row in rows}
        try:
            await self._be_connected()
            if len(rows) == 1:
                return await self._add_one(rows[0], revision)
            return await self._add_many(rows, revision)
        except BaseException as error:
            is_away = self._is_away(error)
            await self.close(broken=True)
            if is_away:
                raise DatabaseAway(type(error).__name__) from error
            raise

    async def close(self, *, broken: bool = False) -> None:
        """Give the connection back, or throw it away."""
        connection, self._connection, self._driver = self._connection, None, None
        if connection is not None:
            if broken:
                await connection.invalidate()
            await connection.close()

    async def _be_connected(self) -> None:
        if self._driver is not None and self._driver.is_closed():
            await self.close(broken=True)  # while nothing was asked of it: nothing is lost
        if self._connection is None:
            self._connection = await self._db.connection().start()
            self._driver = (await self._connection.get_raw_connection()).driver_connection
            self._of_one = await self._driver.prepare(_one_for_postgresql())
            self._of_many = await self._driver.prepare(_many_for_postgresql())

    async def _add_one(self, row: NewMessage, revision: int) -> set[UUID]:
        with self._db.committing():
            kept = await self._of_one.fetchval(*row, revision, timeout=ANSWER_SECONDS)
        return {row.id} if kept is None else set()

    async def _add_many(self, rows: Sequence[NewMessage], revision: int) -> set[UUID]:
        columns = zip(*rows, strict=True)
        with self._db.committing():
            kept: Sequence[UUID] | None = await self._of_many.fetchval(
                *columns, revision, len(rows), timeout=ANSWER_SECONDS
            )
        return set() if kept is None else {row.id for row in rows}.difference(kept)

    def _is_away(self, error: BaseException) -> bool:
        state = str(getattr(error, "sqlstate", None) or "")
        is_lost = self._driver is not None and self._driver.is_closed()
        return state[:2] in AWAY or is_lost or isinstance(error, OSError)


class SqliteArrivals:
    """Takes the one writing connection for a batch; a row's columns are parameters."""

    def __init__(self, db: Database) -> None:
        """Hold nothing between batches."""
        self._db = db

    async def add(self, rows: Sequence[NewMessage], *, revision: int | None) -> set[UUID]:
        """Add the rows that are new and commit; return the ids of those that were not added."""
        left = {row.id for row in rows}
        if revision is None:
            return left
        values = [value for row in rows for value in _bound(row)]
        async with self._db.begin() as tx:
            result = await tx.exec_driver_sql(_for_sqlite(len(rows)), (*values, revision))
            kept = set(result.scalars())
            unread_rows = [
                (row.id.hex, row.state, row.reason) for row in rows if row.id.hex in kept
            ]
            if unread_rows:
                await tx.exec_driver_sql(UNREAD_FOR_SQLITE, unread_rows)
        return left.difference(map(UUID, kept))

    async def close(self) -> None:
        """Nothing is held."""


def _one_for_postgresql() -> str:
    """Insert a row; answer its id when it was added."""
    return f"""
        WITH kept AS (
            INSERT INTO messages ({_INTO})
            SELECT {", ".join((*map(_place, COLUMNS), *GIVEN.values()))}
            WHERE {_is_current(f"{_next(0)}::bigint")}
            ON CONFLICT DO NOTHING RETURNING id
        )
        INSERT INTO unread (message_id, state, reason)
        SELECT id, {_place("state")}, {_place("reason")} FROM kept
        RETURNING message_id
    """  # noqa: S608 - names of our own columns


def _many_for_postgresql() -> str:
    """Insert from arrays; answer NULL when all was added, else the ids of what was."""

    def arrays(*names: str) -> str:
        return ", ".join(f"{_place(name)}[]" for name in names)

    return f"""
        WITH kept AS (
            INSERT INTO messages ({_INTO})
            SELECT *, {", ".join(GIVEN.values())} FROM unnest({arrays(*COLUMNS)})
            WHERE {_is_current(f"{_next(0)}::bigint")}
            ON CONFLICT DO NOTHING RETURNING id
        ), waiting AS (
            INSERT INTO unread (message_id, state, reason)
            SELECT id, state, reason
            FROM unnest({arrays("id", *DOOR)}) AS given(id, state, reason) JOIN kept USING (id)
            RETURNING message_id
        )
        SELECT CASE WHEN count(*) < {_next(1)}::bigint
               THEN coalesce(array_agg(message_id), '{{}}') END
        FROM waiting
    """  # noqa: S608 - names of our own columns


def _place(name: str) -> str:
    """Return a field of a row as a parameter, or the element of one that is an array."""
    table = unread if name in DOOR else messages
    return f"${NewMessage._fields.index(name) + 1}::{element_of(table.c[name])}"


def _next(number: int) -> str:
    """Return the parameters that follow a row's."""
    return f"${len(NewMessage._fields) + 1 + number}"


@lru_cache(maxsize=512)
def _for_sqlite(count: int) -> str:
    """Insert so many rows; answer the ids of what was added."""
    row = f"({', '.join('?' * len(COLUMNS))})"
    return f"""
        INSERT INTO messages ({_INTO})
        SELECT *, {", ".join(GIVEN.values())} FROM (VALUES {", ".join([row] * count)})
        WHERE {_is_current("?")}
        ON CONFLICT DO NOTHING RETURNING id
    """  # noqa: S608 - names of our own columns


UNREAD_FOR_SQLITE = "INSERT INTO unread (message_id, state, reason) VALUES (?, ?, ?)"


def _is_current(revision: str) -> str:
    return f"coalesce((SELECT revision FROM links_revision), 0) = {revision}"  # noqa: S608 - ours


def _bound(row: NewMessage) -> list[Any]:
    """Return a row's columns as SQLAlchemy gives them to SQLite."""
    return [
        getattr(row, name) if bind is None else bind(getattr(row, name)) for name, bind in _binds()
    ]


@lru_cache(maxsize=1)
def _binds() -> list[tuple[str, Bind]]:
    return for_sqlite(messages, COLUMNS)
