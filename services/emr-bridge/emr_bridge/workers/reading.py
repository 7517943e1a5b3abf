"""Reads kept messages: one or two in a thread, more in a process of its own, of lower priority than the door.

Reading is much work and nobody waits for it; in the door's own process it would take turns with it.
"""

import asyncio
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from multiprocessing.process import BaseProcess

import structlog

from common import garbage, logs, tracing
from common.settings import SharedSettings
from emr_bridge.formats.hl7v2.interpret.reading import Doubtful
from emr_bridge.handlers import interpret, marks
from emr_bridge.handlers.interpret import Understood, Waiting
from emr_bridge.handlers.marks import Marks
from emr_bridge.handlers.senders import LastKnown

log = structlog.get_logger()

FEW = 2
"""So many messages take this process less to read than to hand over."""

ALL = sys.maxsize
"""As `few`: nothing is read elsewhere."""

NICE = 10
"""How far its process steps back: a tenth of a processor that others want, all of one that is free."""

PATIENCE_SECONDS = 60.0
"""How long reading may take, which takes milliseconds: then it has met a message that it does not get over."""

Found = Sequence[Waiting]
Read = tuple[list[Understood], Marks]


def understand_all(found: Found) -> Read:
    """Read messages here, each in its own trace."""
    return [interpret.understand(message) for message in found], marks.read_marks(found)


async def read_here(found: Found) -> Read:
    """Read messages in a thread of this process."""
    return await asyncio.to_thread(understand_all, found)


@dataclass(slots=True)
class Reader:
    """Reads for one interpreter; starts its process at the first message, as a rush does not wait for it."""

    read_all: Callable[[Found], Read] = understand_all
    patience_seconds: float = PATIENCE_SECONDS
    few: int = FEW
    known: LastKnown = field(default_factory=LastKnown, init=False)
    _pool: ProcessPoolExecutor | None = field(default=None, init=False)
    _children: list[BaseProcess] = field(default_factory=list, init=False)

    async def read(self, found: Found) -> Read:
        """Return what the messages are; one that ends its reader, or never ends, is a person's."""
        if len(found) <= self.few:
            self._prepare()
            return await self._here(found)
        try:
            return _in_their_traces(await self._elsewhere(found))
        except BrokenProcessPool:
            log.warning("reader_ended", count=len(found))
            self.close()
            return await self._one_by_one(found)

    def close(self) -> None:
        """End the process, if there is one."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def _prepare(self) -> None:
        """Have the process begin, which takes a second, and wait for nothing."""
        if self._pool is None and self.few < ALL:
            self._handed_over(()).add_done_callback(
                lambda begun: begun.cancelled() or begun.exception()
            )

    async def _here(self, found: Found) -> Read:
        """Read in a thread. One that never ends cannot be ended, but is not waited for either."""
        try:
            async with asyncio.timeout(self.patience_seconds):
                return await asyncio.to_thread(self.read_all, found)
        except TimeoutError:
            log.warning("reader_stuck", count=len(found))
            return await self._one_by_one(found)

    async def _elsewhere(self, found: Found) -> Read:
        """Read in the other process, which is killed where it takes too long or nobody waits any more."""
        reading = self._handed_over(found)
        killing = asyncio.get_running_loop().call_later(self.patience_seconds, self._give_up)
        try:
            return await reading
        except asyncio.CancelledError:
            self._kill()
            raise
        finally:
            killing.cancel()

    def _handed_over(self, found: Found) -> "asyncio.Future[Read]":
        loop = asyncio.get_running_loop()
        if self._pool is not None:
            return loop.run_in_executor(self._pool, self.read_all, found)
        spawning = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(1, mp_context=spawning, initializer=_begin)
        before = multiprocessing.active_children()
        reading = loop.run_in_executor(self._pool, self.read_all, found)
        self._children = [c for c in multiprocessing.active_children() if c not in before]
        return reading

    def _give_up(self) -> None:
        log.warning("reader_stuck")
        self._kill()

    def _kill(self) -> None:
        """End the process; whoever waits for it is told that it broke."""
        for child in self._children:
            child.kill()

    async def _one_by_one(self, found: Found) -> Read:
        """Find out which message ends its reader; without any reader all are read here."""
        if not await self._is_able():
            return await read_here(found)
        understood: list[Understood] = []
        numbers: list[Marks] = []
        for message in found:
            try:
                one, number = _in_their_traces(await self._elsewhere([message]))
            except BrokenProcessPool:
                self.close()
                one, number = [Understood(message, Doubtful("interpretation_failed"))], []
            understood += one
            numbers.append(number)
        return understood, [number for some in numbers for number in some]

    async def _is_able(self) -> bool:
        try:
            await self._elsewhere([])
        except BrokenProcessPool:
            self.close()
            return False
        return True


def _in_their_traces(read: Read) -> Read:
    """Put what was read elsewhere into its messages' traces: spans are kept by this process."""
    understood, numbers = read
    return [_in_its_trace(one) for one in understood], numbers


def _in_its_trace(one: Understood) -> Understood:
    with tracing.span("interpret message", parent=one.message.traceparent) as span:
        span.note(message_id=one.message.id, state=one.message.state.value)
        return replace(one, traceparent=span.traceparent)


def _begin() -> None:
    """Prepare the process: it steps back, leaves signals to its parent and ends with it."""
    os.nice(NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    shared = SharedSettings()
    logs.configure(level=shared.log_level, form=shared.log_format)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    garbage.look_through_less()


def _end_with_parent() -> None:
    """Wait for the end of the parent, which says nothing when it is killed, and end."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(os.EX_OK)
