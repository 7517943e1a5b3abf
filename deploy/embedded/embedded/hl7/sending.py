"""Sends messages over one MLLP connection, several on their way at a time, and times the answers."""

import asyncio
import contextlib
import ssl
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from emr_bridge.formats.hl7v2.ack import Acknowledgement, read_acknowledgement
from emr_bridge.formats.hl7v2.header import read_header
from emr_bridge.transports.framer import Frame, Framer, framed

CHUNK = 64 * 1024
LARGEST_ANSWER = 16 * 1024 * 1024
ACCEPTED = frozenset({"AA", "CA"})


@dataclass(frozen=True, slots=True)
class Target:
    """Where to; `tls` says how a TLS peer is believed."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """`pipeline` messages on their way at most, `rate` begun per second; waits are in seconds."""

    pipeline: int = 1
    rate: float | None = None
    connect_seconds: float = 10.0
    answer_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to send, and the name of its file."""

    source: str
    raw: bytes

    @property
    def control_id(self) -> str:
        """MSH-10."""
        return read_header(self.raw).control_id


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a message: MSA-1 and the codes in ERR, or the problem that left it unanswered."""

    source: str
    control_id: str
    code: str | None
    milliseconds: float
    errors: tuple[str, ...] = ()
    problem: str | None = None
    answer: bytes = b""

    @property
    def is_accepted(self) -> bool:
        """Tell whether the far side has it."""
        return self.code in ACCEPTED


Tell = Callable[[Outcome], None]
LATER = "later"
"""The source of an answer that nobody waits for: a second one, or another's."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A message that waits for its answer."""

    letter: Letter
    began: float
    answered: asyncio.Future[None]

    def outcome(
        self, said: Acknowledgement | None = None, raw: bytes = b"", problem: str | None = None
    ) -> Outcome:
        """Return what came of it, as of now."""
        took = (time.perf_counter() - self.began) * 1000
        code, errors = (said.code, said.errors) if said else (None, ())
        source, control_id = self.letter.source, self.letter.control_id
        return Outcome(source, control_id, code, took, errors, problem, raw)


async def send_all(letters: Sequence[Letter], target: Target, pace: Pace, tell: Tell) -> None:
    """Send the messages in their order and tell of each when it is answered.

    OSError or TimeoutError when nobody can be connected to.
    """
    async with asyncio.timeout(pace.connect_seconds):
        streams = await asyncio.open_connection(target.host, target.port, ssl=target.tls)
    exchange = Exchange(*streams, pace, tell)
    try:
        await exchange.run(letters)
    finally:
        await exchange.close()


class Exchange:
    """One connection: who waits for an answer, and the answers as they come."""

    def __init__(self, reader: StreamReader, writer: StreamWriter, pace: Pace, tell: Tell) -> None:
        """Take an open connection."""
        self._reader, self._writer = reader, writer
        self._pace, self._tell = pace, tell
        self._waiting: list[Asked] = []
        self._room = asyncio.Semaphore(pace.pipeline)
        self._is_over = False

    async def run(self, letters: Sequence[Letter]) -> None:
        """Send every message; return when each is answered or given up."""
        reading = asyncio.create_task(self._read())
        try:
            async with asyncio.TaskGroup() as group:
                began = time.perf_counter()
                for number, letter in enumerate(letters):
                    await self._keep_pace(began, number)
                    await self._room.acquire()
                    group.create_task(self._one(letter))
        finally:
            reading.cancel()
            await asyncio.wait([reading])

    async def close(self) -> None:
        """Close the connection."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _keep_pace(self, began: float, number: int) -> None:
        if self._pace.rate:
            await asyncio.sleep(max(0.0, began + number / self._pace.rate - time.perf_counter()))

    async def _one(self, letter: Letter) -> None:
        asked = Asked(letter, time.perf_counter(), asyncio.get_running_loop().create_future())
        self._waiting.append(asked)
        problem = None
        try:
            self._still_open()
            self._writer.write(framed(letter.raw))
            await self._writer.drain()
            async with asyncio.timeout(self._pace.answer_seconds):
                await asked.answered
        except TimeoutError:
            problem = "no answer in time"
        except OSError:
            problem = "the connection was closed"
        finally:
            self._waiting.remove(asked)
            self._room.release()
        if problem:
            self._tell(asked.outcome(problem=problem))

    def _still_open(self) -> None:
        """ConnectionResetError where no answer can come any more, whatever can still be written."""
        if self._is_over:
            raise ConnectionResetError

    async def _read(self) -> None:
        framer = Framer(max_bytes=LARGEST_ANSWER)
        try:
            while data := await self._reader.read(CHUNK):
                for item in framer.feed(data):
                    if isinstance(item, Frame):
                        self._take(item.payload)
        except OSError:
            pass  # the same as an end: everybody who waits is told below
        self._is_over = True
        for asked in self._waiting:
            if not asked.answered.done():
                asked.answered.set_exception(ConnectionResetError())

    def _take(self, payload: bytes) -> None:
        """Give an answer to who waits for it, by MSA-2; one for nobody is told as `later`."""
        said = read_acknowledgement(payload)
        if said is None:
            return
        for asked in self._waiting:
            if asked.letter.control_id == said.control_id and not asked.answered.done():
                self._tell(asked.outcome(said, payload))
                asked.answered.set_result(None)
                return
        self._tell(Outcome(LATER, said.control_id, said.code, 0.0, said.errors, None, payload))
