"""MLLP over TCP or TLS, outbound: one destination, one message in flight, the connection kept.

What arrives without being the awaited answer is handed over: an application may answer late.
"""

import asyncio
import ssl
from asyncio import Future, StreamReader, StreamWriter
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from emr_bridge.ports import Answered, Exchange, NotSent, Unanswered
from emr_bridge.transports.framer import Frame, Framer, framed

log = structlog.get_logger()

CHUNK = 64 * 1024
LARGEST_ANSWER = 1024 * 1024

IsAnswer = Callable[[bytes], bool]
Unasked = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds."""

    connect_seconds: float = 10.0
    answer_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where an EMR listens; `tls` is what we show and trust, None for plain MLLP."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None


async def connected(address: Address, patience: Patience) -> tuple[StreamReader, StreamWriter]:
    """Open a connection; OSError (TimeoutError is one) where there is none."""
    async with asyncio.timeout(patience.connect_seconds):
        return await asyncio.open_connection(address.host, address.port, ssl=address.tls)


def pass_over(message: bytes) -> None:
    """Note that something came that nobody waits for."""
    log.warning("mllp_foreign_answer_ignored", size=len(message))


class Client:
    """Sends to one address; satisfies the Outbound port."""

    def __init__(self, address: Address, patience: Patience, unasked: Unasked = pass_over) -> None:
        """Connect only when there is something to send."""
        self._address = address
        self._patience = patience
        self._unasked = unasked
        self._writer: StreamWriter | None = None
        self._listening: asyncio.Task[None] | None = None
        self._awaited: tuple[IsAnswer, Future[bytes]] | None = None

    async def exchange(self, message: bytes, *, is_answer: IsAnswer) -> Exchange:
        """Send, then wait for the answer; other messages meanwhile are handed over."""
        try:
            writer = await self._connected()
        except OSError as error:
            return NotSent(why_not_connected(error))
        answer: Future[bytes] = asyncio.get_running_loop().create_future()
        self._awaited = (is_answer, answer)
        try:
            async with asyncio.timeout(self._patience.answer_seconds):
                writer.write(framed(message))
                await writer.drain()
                return Answered(await answer)
        except (OSError, EOFError, TimeoutError) as error:
            self.close()
            return Unanswered("timeout" if isinstance(error, TimeoutError) else "reset")
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            self._awaited = None

    def close(self) -> None:
        """Drop the connection, if there is one."""
        if self._listening is not None:
            self._listening.cancel()
        if self._writer is not None:
            self._writer.close()
        self._writer = self._listening = None

    async def _connected(self) -> StreamWriter:
        if self._writer is not None and not self._writer.is_closing():
            return self._writer
        self.close()
        address = self._address
        reader, writer = await connected(address, self._patience)
        listening = self._listen(reader, writer)
        name = f"mllp-answers:{address.host}:{address.port}"
        self._listening = asyncio.create_task(listening, name=name)
        self._writer = writer
        return writer

    async def _listen(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Read what the far side says, until it closes: an idle connection's end is seen at once."""
        framer = Framer(max_bytes=LARGEST_ANSWER)
        try:
            while not framer.closed and (data := await reader.read(CHUNK)):
                for found in framer.feed(data):
                    if isinstance(found, Frame):
                        self._take(found.payload)
        except OSError as error:
            log.info("mllp_link_broken", reason=type(error).__name__)
        writer.close()
        self._break_off(EOFError("the far side closed the link"))

    def _take(self, message: bytes) -> None:
        if self._awaited is not None:
            is_answer, answer = self._awaited
            if not answer.done() and is_answer(message):
                answer.set_result(message)
                return
        self._unasked(message)

    def _break_off(self, error: Exception) -> None:
        if self._awaited is not None and not self._awaited[1].done():
            self._awaited[1].set_exception(error)


def why_not_connected(error: OSError) -> str:
    """Return in a word why there is no connection."""
    if isinstance(error, TimeoutError):
        return "timeout"
    return "tls" if isinstance(error, ssl.SSLError) else "refused"
