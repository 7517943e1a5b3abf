"""MLLP over TCP, outbound: one destination, one message in flight, the connection kept."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from emr_bridge.ports import Answered, Exchange, NotSent, Unanswered
from emr_bridge.transports.framer import Frame, Framer, framed

log = structlog.get_logger()

CHUNK = 64 * 1024
LARGEST_ANSWER = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds."""

    connect_seconds: float = 10.0
    answer_seconds: float = 30.0


class Client:
    """Sends to one host and port; satisfies the Outbound port."""

    def __init__(self, host: str, port: int, patience: Patience) -> None:
        """Connect only when there is something to send."""
        self._host = host
        self._port = port
        self._patience = patience
        self._streams: tuple[StreamReader, StreamWriter] | None = None
        self._framer = Framer(max_bytes=LARGEST_ANSWER)
        self._arrived: deque[bytes] = deque()

    async def exchange(self, message: bytes, *, is_answer: Callable[[bytes], bool]) -> Exchange:
        """Send, then wait for the answer; other messages meanwhile are passed over."""
        try:
            async with asyncio.timeout(self._patience.connect_seconds):
                reader, writer = await self._connected()
        except (OSError, TimeoutError) as error:
            self.close()
            return NotSent("timeout" if isinstance(error, TimeoutError) else "refused")
        try:
            async with asyncio.timeout(self._patience.answer_seconds):
                writer.write(framed(message))
                await writer.drain()
                return Answered(await self._answer(reader, is_answer))
        except (OSError, EOFError, TimeoutError) as error:
            self.close()
            return Unanswered("timeout" if isinstance(error, TimeoutError) else "reset")
        except asyncio.CancelledError:
            self.close()
            raise

    def close(self) -> None:
        """Drop the connection, if there is one."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _connected(self) -> tuple[StreamReader, StreamWriter]:
        if self._streams and (self._streams[0].at_eof() or self._streams[1].is_closing()):
            self.close()
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
            self._framer = Framer(max_bytes=LARGEST_ANSWER)
            self._arrived.clear()
        return self._streams

    async def _answer(self, reader: StreamReader, is_answer: Callable[[bytes], bool]) -> bytes:
        while True:
            while self._arrived:
                candidate = self._arrived.popleft()
                if is_answer(candidate):
                    return candidate
                log.warning("mllp_foreign_answer_ignored", size=len(candidate))
            data = await reader.read(CHUNK)
            if not data or self._framer.closed:
                raise EOFError("the far side closed the link")
            frames = [item for item in self._framer.feed(data) if isinstance(item, Frame)]
            self._arrived.extend(frame.payload for frame in frames)
