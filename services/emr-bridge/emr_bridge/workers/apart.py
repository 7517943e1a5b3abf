"""Reading in a process of its own, beside the door: whoever waits for an ACK waits for no reading.

The service starts the process (`emr_bridge.interpreter`), wakes it when messages were kept, and is told
of what it commits. They talk over one socket, a byte at a time; when it closes, the other has ended.
"""

import asyncio
import socket
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from common.errors import Retry
from common.service import Runtime
from emr_bridge.workers.interpreter import INTERVAL_SECONDS, Left, give_way

log = structlog.get_logger()

LOOK = b"l"
"""To the process: read the oldest messages that were kept."""

ROWS, EVENTS = b"r", b"e"
"""From the process: it committed rows, and events."""

LEFT = {Left.NOTHING: b"i", Left.SOME: b"m", Left.OVERDUE: b"o"}
"""From the process, at the end of each look: what is left to be read."""

SAID = {byte: left for left, byte in LEFT.items()}

CAREFUL = "careful"
"""The argument that has it read nothing in itself: the one before it ended, or stuck, at some message."""

PATIENCE_SECONDS = 150.0
"""How long it may say nothing; with its own patience it gets over any message sooner."""

GRACE_SECONDS = 5.0
"""How long it may take to record what it has read when it is told to end."""

COMMAND = (sys.executable, "-m", "emr_bridge.interpreter")


class ReadingEnded(Retry):
    """The process that reads is gone; another is started."""


@dataclass(slots=True)
class ReadingApart:
    """Runs the process for as long as it lives."""

    runtime: Runtime
    is_rushed: Callable[[], bool] = lambda: False
    command: Sequence[str] = COMMAND
    patience_seconds: float = PATIENCE_SECONDS
    grace_seconds: float = GRACE_SECONDS
    interval_seconds: float = INTERVAL_SECONDS
    is_careful: bool = field(default=False, init=False)

    async def run(self) -> None:
        """Have messages read until cancelled. Raises ReadingEnded where the process does not go on."""
        ours, theirs = socket.socketpair()
        with theirs:
            beside = [CAREFUL] if self.is_careful else []
            process = await asyncio.create_subprocess_exec(
                *self.command, *beside, stdin=theirs.fileno()
            )
        heard, told = await asyncio.open_connection(sock=ours)
        try:
            await self._converse(heard, told)
        finally:
            told.close()
            await asyncio.shield(self._end(process))
        raise ReadingEnded(f"the process that reads ended: {process.returncode}")

    async def _converse(self, heard: StreamReader, told: StreamWriter) -> None:
        """Have it look whenever there may be something to read, until it says no more.

        A message that comes alone is read at once; what comes meanwhile is looked for again.
        """
        db = self.runtime.db
        while True:
            seen = db.committed.count
            told.write(LOOK)
            left = await self._answer(heard)
            if left is None:
                return
            if left is Left.NOTHING:
                await db.committed.wait(self.interval_seconds, since=seen)
            if left is not Left.OVERDUE:
                await give_way(self.is_rushed)

    async def _answer(self, heard: StreamReader) -> Left | None:
        """Wake whoever waits for what it commits, and return what it left; None where it is gone, or stuck."""
        db = self.runtime.db
        while said := await self._word(heard):
            if ROWS in said:
                db.committed.notify()
            if EVENTS in said:
                db.told.notify()
            if (left := SAID.get(said[-1:])) is not None:
                return left
        return None

    async def _word(self, heard: StreamReader) -> bytes:
        try:
            async with asyncio.timeout(self.patience_seconds):
                return await heard.read(64)
        except TimeoutError:
            log.warning("reader_stuck")
        except ConnectionError:
            pass  # it ended without having read what it was told
        return b""

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """Wait for the process, which ends when its socket is closed; kill what does not."""
        try:
            async with asyncio.timeout(self.grace_seconds):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        self.is_careful = (process.returncode or 0) < 0
