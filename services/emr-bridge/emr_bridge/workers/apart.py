"""Reading in a process of its own, beside the door on PostgreSQL: whoever waits for an ACK waits for no reading.

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

GATHER_SECONDS = 0.05
"""How long messages gather that keep coming while others are read."""

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

        Messages that come faster than one by one can be read gather meanwhile: a batch costs as
        much as several messages. One that comes alone is read at once.
        """
        db = self.runtime.db
        while True:
            seen = db.committed.count
            told.write(LOOK)
            said = await self._answer(heard)
            some_came = db.committed.count != seen
            if ROWS in said:
                db.committed.notify()
            if EVENTS in said:
                db.told.notify()
            left = SAID.get(said[-1:])
            if left is None:
                return
            if left is Left.NOTHING and not some_came:
                await db.committed.wait(self.interval_seconds, since=db.committed.count)
                continue
            if left is Left.NOTHING:
                await asyncio.sleep(GATHER_SECONDS)
            if left is not Left.OVERDUE:
                await give_way(self.is_rushed)

    async def _answer(self, heard: StreamReader) -> bytes:
        """Return what it says to one LOOK, which is little; nothing where it is gone, or stuck."""
        said = b""
        try:
            async with asyncio.timeout(self.patience_seconds):
                while said[-1:] not in SAID and (more := await heard.read(64)):
                    said += more
        except TimeoutError:
            log.warning("reader_stuck")
            return b""
        except ConnectionError:  # it ended without having read what it was told
            return b""
        return said

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """Wait for the process, which ends when its socket is closed; kill what does not."""
        try:
            async with asyncio.timeout(self.grace_seconds):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        self.is_careful = (process.returncode or 0) < 0
