"""A connection to an SQLite file for SQLAlchemy's dialect, in place of aiosqlite's, which wakes a thread for every call.

What touches only memory runs where it is awaited: it takes less time than waking a thread, and far
less than getting the interpreter back from one. What may wait, for the disk, for another process or
for the end of a scan, goes to the connection's own thread: opening and closing, COMMIT, a BEGIN that
finds the file locked, and every statement of a reader.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy.util.concurrency import await_

Result = TypeVar("Result")
Job = Callable[[], None]

PATIENCE_MILLISECONDS = 30_000
"""How long a statement waits for another process that has the file."""

WRITER = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")
"""FULL: a commit in WAL mode reaches the disk before it returns; NORMAL would lose an ACK with the power."""

READER = ("journal_mode=WAL", "query_only=ON")


class OwnThread:
    """A thread that does one thing after the other, and ends by itself when told to."""

    def __init__(self, name: str) -> None:
        """Start waiting."""
        self.pending = 0
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def ask(self, work: Callable[[], Result]) -> "asyncio.Future[Result]":
        """Have it done behind what was asked for before; giving up the answer does not stop it."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Result] = loop.create_future()
        self.pending += 1
        self._jobs.put(lambda: self._tell(loop, done, work))
        return done

    def end(self, last: Job | None = None) -> None:
        """Do what was asked for, then this, then end."""
        if last is not None:
            self._jobs.put(last)
        self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _tell(
        self,
        loop: asyncio.AbstractEventLoop,
        done: "asyncio.Future[Result]",
        work: Callable[[], Result],
    ) -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            told, value = asyncio.Future.set_exception, error
        else:
            told, value = asyncio.Future.set_result, result  # type: ignore[assignment]

        def settle() -> None:
            self.pending -= 1
            if not done.done():
                told(done, value)

        try:
            loop.call_soon_threadsafe(settle)
        except RuntimeError:  # the loop was closed: nobody waits
            return


class Cursor:
    """What SQLAlchemy asks of a cursor; the rows are fetched together with the statement."""

    arraysize = 1

    def __init__(self, connection: "SqliteConnection") -> None:
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

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> "Cursor":
        """Run a statement and fetch what it returns."""
        await self._connection.run(statement, lambda raw: self._keep(raw, statement, parameters))
        return self

    async def executemany(self, statement: str, parameters: Sequence[Sequence[Any]]) -> "Cursor":
        """Run a statement for each of many parameters."""
        await self._connection.run(
            statement, lambda raw: self._note(raw.executemany(statement, parameters))
        )
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


class SqliteConnection:
    """One connection; one statement at a time, in whichever thread."""

    isolation_level = None

    def __init__(self, path: Path | str, *, read_only: bool) -> None:
        """Open nothing yet."""
        self._path = path
        self._read_only = read_only
        self._thread = OwnThread(f"sqlite:{Path(path).name}")
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> "SqliteConnection":
        """Open the file; whoever is cancelled meanwhile leaves nothing open behind."""
        try:
            await self._thread.ask(self._open)
        except BaseException:
            self.stop()
            raise
        return self

    def cursor(self) -> Cursor:
        """Return a cursor; it costs nothing."""
        return Cursor(self)

    async def run(self, statement: str, work: Callable[[sqlite3.Connection], None]) -> None:
        """Do one statement's work, here or in the thread."""
        raw = self.raw
        if self._thread.pending or (self._read_only and statement != "BEGIN"):
            await self._thread.ask(lambda: work(raw))
        else:
            work(raw)

    async def begin(self) -> None:
        """Begin to write, at once where the file is free; else wait for it in the thread."""
        raw = self.raw
        if not self._thread.pending and self._begin_at_once(raw):
            return
        try:
            await self._thread.ask(lambda: raw.execute("BEGIN IMMEDIATE"))
        except asyncio.CancelledError:
            self._thread.ask(raw.rollback)
            raise

    async def commit(self) -> None:
        """Commit; a transaction that read only has nothing to wait for."""
        raw = self.raw
        if self._read_only and not self._thread.pending:
            raw.commit()
        else:
            await self._thread.ask(raw.commit)

    async def rollback(self) -> None:
        """Roll back, behind what a cancelled caller may have left running."""
        raw = self.raw
        if self._thread.pending:
            await self._thread.ask(raw.rollback)
        elif raw.in_transaction:
            raw.rollback()

    async def close(self) -> None:
        """Close behind what is still running, and end the thread."""
        if self._connection is None:
            return
        closed = self._thread.ask(self._close)
        self._thread.end()
        await closed

    def stop(self) -> None:
        """Close without waiting for it; from any thread, with or without a loop."""
        self._thread.end(self._close)

    async def create_function(self, *arguments: Any, **more: Any) -> None:
        """Give SQL a function (SQLAlchemy's `regexp`)."""
        self.raw.create_function(*arguments, **more)

    @property
    def raw(self) -> sqlite3.Connection:
        """The connection itself."""
        if self._connection is None:
            raise sqlite3.OperationalError("connection closed")
        return self._connection

    @property
    def total_changes(self) -> int:
        """How many rows it has written in its life."""
        return self.raw.total_changes

    def _open(self) -> None:
        raw = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._connection = raw
        self._wait_for_others(raw)
        for setting in READER if self._read_only else WRITER:
            raw.execute(f"PRAGMA {setting}")

    def _close(self) -> None:
        raw, self._connection = self._connection, None
        if raw is not None:
            raw.close()

    def _begin_at_once(self, raw: sqlite3.Connection) -> bool:
        raw.execute("PRAGMA busy_timeout=0")
        try:
            raw.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            return False
        finally:
            self._wait_for_others(raw)
        return True

    @staticmethod
    def _wait_for_others(raw: sqlite3.Connection) -> None:
        raw.execute(f"PRAGMA busy_timeout={PATIENCE_MILLISECONDS}")


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
