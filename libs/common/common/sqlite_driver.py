"""A connection to an SQLite file, and a thread of its own for what may wait.

What touches only memory runs where it is awaited: it takes less time than waking a thread, and far
less than getting the interpreter back from one. What may wait, for the disk or for another process,
goes to the thread: opening and closing, COMMIT, and a BEGIN that finds the file locked.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Self, TypeVar

Result = TypeVar("Result")
Job = Callable[[], None]

PATIENCE_MILLISECONDS = 30_000
"""How long a statement waits for another process that has the file."""

ASKED_AGAIN_SECONDS = 0.001
"""How often it is asked for a file that another process has."""

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


class SqliteConnection:
    """One connection; one statement at a time, in whichever thread."""

    def __init__(self, path: Path | str, *, read_only: bool) -> None:
        """Open nothing yet."""
        self._path = path
        self._read_only = read_only
        self.thread = OwnThread(f"sqlite:{Path(path).name}")
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> Self:
        """Open the file; whoever is cancelled meanwhile leaves nothing open behind."""
        try:
            await self.thread.ask(self._open)
        except BaseException:
            self.stop()
            raise
        return self

    async def begin(self) -> None:
        """Begin to write as soon as no other process has the file.

        SQLite's own way of waiting asks less and less often, and is late for a file that is
        written again and again.
        """
        if self.thread.pending:
            await self.thread.ask(lambda: None)
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE_MILLISECONDS / 1000
        while not self._begin_at_once(self.raw, is_last=loop.time() >= until):  # noqa: ASYNC110 - another process has it
            await asyncio.sleep(ASKED_AGAIN_SECONDS)

    async def commit(self) -> None:
        """Commit; a transaction that read only has nothing to wait for."""
        raw = self.raw
        if self._read_only and not self.thread.pending:
            raw.commit()
        else:
            await self.thread.ask(raw.commit)

    async def rollback(self) -> None:
        """Roll back, behind what a cancelled caller may have left running."""
        raw = self.raw
        if self.thread.pending:
            await self.thread.ask(raw.rollback)
        elif raw.in_transaction:
            raw.rollback()

    async def close(self) -> None:
        """Close behind what is still running, and end the thread."""
        if self._connection is None:
            return
        closed = self.thread.ask(self._close)
        self.thread.end()
        await closed

    def stop(self) -> None:
        """Close without waiting for it; from any thread, with or without a loop."""
        self.thread.end(self._close)

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
        self._prepare(raw)

    def _prepare(self, raw: sqlite3.Connection) -> None:
        for setting in READER if self._read_only else WRITER:
            raw.execute(f"PRAGMA {setting}")

    def _close(self) -> None:
        raw, self._connection = self._connection, None
        if raw is not None:
            raw.close()

    def _begin_at_once(self, raw: sqlite3.Connection, *, is_last: bool) -> bool:
        raw.execute("PRAGMA busy_timeout=0")
        try:
            raw.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if is_last or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            return False
        finally:
            self._wait_for_others(raw)
        return True

    @staticmethod
    def _wait_for_others(raw: sqlite3.Connection) -> None:
        raw.execute(f"PRAGMA busy_timeout={PATIENCE_MILLISECONDS}")
