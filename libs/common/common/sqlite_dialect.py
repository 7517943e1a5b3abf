"""Connections to a file as SQLAlchemy's dialect wants them, in place of aiosqlite's, which wakes a thread for every call.

Statements run where they are awaited: a writer's through cursors of SQLite's own, a reader's until they
turn out to be a scan. Those are broken off, which a reader does not notice, and run again in its thread.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.util.concurrency import await_

from common.sqlite_driver import SqliteConnection

STEPS = 20_000
"""Instructions of SQLite's machine that one statement may take on the loop: about a millisecond."""


class ThreadCursor:
    """What SQLAlchemy asks of an asynchronous cursor; the rows are fetched together with the statement."""

    arraysize = 1

    def __init__(self, connection: "Reader") -> None:
        """Hold nothing yet."""
        self._connection = connection
        self._rows: Sequence[Any] = ()
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Self:
        """Be a context, as aiosqlite's is."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Be closed."""

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> "ThreadCursor":
        """Run a statement and fetch what it returns."""
        await self._connection.run(lambda raw: self._keep(raw, statement, parameters))
        return self

    async def executemany(
        self, statement: str, parameters: Sequence[Sequence[Any]]
    ) -> "ThreadCursor":
        """Run a statement for each of many parameters."""
        await self._connection.run(lambda raw: self._note(raw.executemany(statement, parameters)))
        return self

    async def fetchall(self) -> Sequence[Any]:
        """Return what the statement returned."""
        rows, self._rows = self._rows, ()
        return rows

    async def close(self) -> None:
        """Hold nothing any more: nothing was left open."""

    def _keep(self, raw: sqlite3.Connection, statement: str, parameters: Sequence[Any]) -> None:
        cursor = raw.execute(statement, parameters)
        self._rows = cursor.fetchall()
        self._note(cursor)

    def _note(self, cursor: sqlite3.Cursor) -> None:
        self.description, self.rowcount = cursor.description, cursor.rowcount
        self.lastrowid = cursor.lastrowid


class Reader(SqliteConnection):
    """A reading connection in the shape of aiosqlite's."""

    isolation_level = None

    def __init__(self, path: Path | str) -> None:
        """Open nothing yet."""
        super().__init__(path, read_only=True)

    def cursor(self) -> ThreadCursor:
        """Return a cursor; it costs nothing."""
        return ThreadCursor(self)

    async def run(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Do one statement's work: here where it is short, in the thread where it is not, or has to wait."""
        raw = self.raw
        if not self.thread.pending:
            try:
                work(raw)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF not in {
                    sqlite3.SQLITE_INTERRUPT,
                    sqlite3.SQLITE_BUSY,
                }:
                    raise
            else:
                await asyncio.sleep(0)  # it was not waited for: let the others in
                return
        await self.thread.ask(lambda: self._at_leisure(work))

    def _prepare(self, raw: sqlite3.Connection) -> None:
        super()._prepare(raw)
        self._hurry(raw)

    def _at_leisure(self, work: Callable[[sqlite3.Connection], None]) -> None:
        raw = self.raw
        raw.set_progress_handler(None, 0)
        self._wait_for_others(raw)
        try:
            work(raw)
        finally:
            self._hurry(raw)

    @staticmethod
    def _hurry(raw: sqlite3.Connection) -> None:
        """Have statements broken off that take long, or would have to wait."""
        raw.execute("PRAGMA busy_timeout=0")
        raw.set_progress_handler(lambda: 1, STEPS)

    async def create_function(self, *arguments: Any, **more: Any) -> None:
        """Give SQL a function (SQLAlchemy's `regexp`)."""
        self.raw.create_function(*arguments, **more)


async def _at_once() -> None:
    """Wait for nothing."""


class AtOnceCursor(sqlite3.Cursor):
    """SQLite's own cursor. SQLAlchemy insists that a statement awaits something, so it awaits nothing."""

    def execute(self, statement: str, parameters: Any = ()) -> Self:
        """Run a statement."""
        await_(_at_once())
        return super().execute(statement, parameters)

    def executemany(self, statement: str, parameters: Any) -> Self:
        """Run a statement for each of many parameters."""
        await_(_at_once())
        return super().executemany(statement, parameters)

    async def _async_soft_close(self) -> None:
        """Keep what was fetched: nothing is open elsewhere."""


class AtOnceConnection:
    """A writing connection as SQLAlchemy's dialect sees it, without the detour over awaitables.

    Transactions are begun and committed by `common.sqlite_writer`, beneath it.
    """

    def __init__(self, file: SqliteConnection) -> None:
        """Show a connection that is open."""
        self._connection = file

    def cursor(self) -> AtOnceCursor:
        """Return a cursor of SQLite's."""
        return self._connection.raw.cursor(AtOnceCursor)

    def create_function(self, *arguments: Any, **more: Any) -> None:
        """Give SQL a function (SQLAlchemy's `regexp`)."""
        self._connection.raw.create_function(*arguments, **more)

    def commit(self) -> None:
        """Do nothing: this is not where transactions end."""

    def rollback(self) -> None:
        """Do nothing: this is not where transactions end."""

    def close(self) -> None:
        """Close, behind what is still running."""
        await_(self._connection.close())

    def terminate(self) -> None:
        """Close without waiting for it."""
        self._connection.stop()


def open_at_once(path: Path | str) -> AtOnceConnection:
    """Open a writing connection for SQLAlchemy, which calls this where it may await."""
    return AtOnceConnection(await_(SqliteConnection(path, read_only=False).open()))


def ask(
    tx: AsyncConnection, statement: str, arguments: Sequence[Any] = ()
) -> Sequence[tuple[Any, ...]]:
    """Carry out a statement in a writer's transaction, and return its rows as the driver has them.

    Asked through SQLAlchemy a small statement takes three times as long. An error is told as
    SQLAlchemy would.
    """
    with _telling(statement):
        return _raw_of(tx).execute(statement, arguments).fetchall()


def ask_each(tx: AsyncConnection, statement: str, many: Sequence[Sequence[Any]]) -> None:
    """Carry out a statement for each of many parameters, as `ask` does."""
    with _telling(statement):
        _raw_of(tx).executemany(statement, many)


def is_writer(tx: AsyncConnection) -> bool:
    """Tell whether statements of this connection run where they are awaited, however long they take."""
    return not isinstance(_file_of(tx), Reader)


def as_sqlalchemy_tells(statement: str, error: sqlite3.Error) -> BaseException:
    """Return the error as SQLAlchemy's of the same name: the verdicts know those."""
    return DBAPIError.instance(statement, None, error, sqlite3.Error)


@contextmanager
def _telling(statement: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise as_sqlalchemy_tells(statement, error) from error


def _raw_of(tx: AsyncConnection) -> sqlite3.Connection:
    return _file_of(tx).raw


def _file_of(tx: AsyncConnection) -> SqliteConnection:
    assert tx.sync_connection is not None  # noqa: S101 - it is open
    file: SqliteConnection = tx.sync_connection.connection.driver_connection  # type: ignore[assignment]
    return file
