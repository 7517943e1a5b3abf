"""Group commit for a file: transactions that come while one is written share its COMMIT, and its wait for the disk.

They go one after the other inside one transaction of SQLite, each behind a savepoint, so that one which
fails takes only itself back; none has ended before the COMMIT of all has. Nobody waits for company: a
lone transaction is committed at once.
"""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from common.sqlite_dialect import as_sqlalchemy_tells
from common.sqlite_driver import SqliteConnection

TURN_SECONDS = 60.0
"""How long a transaction may wait for those before it."""


class Writer:
    """The one writing connection of a process to a file."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Open it with the first transaction."""
        self._engine = engine
        self._turn = asyncio.Lock()
        self._connection: AsyncConnection | None = None
        self._file: SqliteConnection | None = None
        self._written: list[asyncio.Future[None]] = []
        self._committing: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[AsyncConnection]:
        """Open a transaction: leaving waits for the commit, an error takes back what it wrote."""
        committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._await_turn()
        try:
            tx, file = await self._opened()
            await self._joined(file)
            try:
                yield tx
                file.raw.execute("RELEASE one")
            except BaseException:
                self._take_back(file)
                raise
            self._written.append(committed)
            if self._committing is None:  # it stands in line: who came before it joins
                self._committing = asyncio.create_task(self._commit(file), name="commit")
        finally:
            self._turn.release()
        await committed

    async def close(self) -> None:
        """Close, behind the commit that is on its way."""
        if self._committing is not None:
            await asyncio.wait([self._committing])
        if self._connection is not None:
            await self._connection.close()
            self._connection = self._file = None
        await self._engine.dispose()

    async def _await_turn(self) -> None:
        if not self._turn.locked():
            await self._turn.acquire()
            return
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._turn.acquire()
        except TimeoutError:
            raise PoolExhausted("a transaction before this one does not end") from None

    async def _opened(self) -> tuple[AsyncConnection, SqliteConnection]:
        if self._connection is None or self._file is None or self._connection.invalidated:
            self._lose(sqlite3.OperationalError("the connection was lost"))
            self._connection = await self._engine.connect()
            await self._connection.begin()  # for SQLAlchemy: here it does nothing
            raw = await self._connection.get_raw_connection()
            self._file = cast(SqliteConnection, raw.driver_connection)
        return self._connection, self._file

    async def _joined(self, file: SqliteConnection) -> None:
        """Join the transaction that waits to be committed, or begin one."""
        if not self._written:
            try:
                await file.begin()
            except sqlite3.Error as error:
                raise as_sqlalchemy_tells("BEGIN IMMEDIATE", error) from error
        file.raw.execute("SAVEPOINT one")

    def _take_back(self, file: SqliteConnection) -> None:
        """Undo one; an error such as a full disk has undone the others already."""
        if not file.raw.in_transaction:
            self._lose(sqlite3.OperationalError("an error undid the transaction"))
        elif self._written:
            file.raw.execute("ROLLBACK TO one")
            file.raw.execute("RELEASE one")
        else:
            file.raw.rollback()

    async def _commit(self, file: SqliteConnection) -> None:
        async with self._turn:
            self._committing = None
            if not self._written:  # they were lost meanwhile
                return
            try:
                await file.commit()
            except sqlite3.Error as error:
                self._lose(error)
                await file.rollback()
                return
            written, self._written = self._written, []
            for one in written:
                if not one.done():
                    one.set_result(None)

    def _lose(self, error: sqlite3.Error) -> None:
        written, self._written = self._written, []
        for one in written:
            if not one.done():
                one.set_exception(as_sqlalchemy_tells("COMMIT", error))
