"""The EMR as a sender: one persistent MLLP link, one answer awaited for each message."""

import asyncio
import ssl
from collections import deque
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from simulators.emr.framing import Framer, frame
from simulators.loopback import require_loopback

CHUNK = 64 * 1024
Link = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class NoAnswerError(Exception):
    """The peer closed the link or let the time run out; whether it kept the message is unknown."""


class EmrClient:
    """Sends HL7 v2 messages to an MLLP listener on loopback; connects when first needed."""

    def __init__(
        self, host: str, port: int, *, timeout: float = 30, tls: ssl.SSLContext | None = None
    ) -> None:
        require_loopback(host)
        self._address = (host, port)
        self._timeout = timeout
        self._tls = tls
        self._link: Link | None = None
        self._framer = Framer()
        self._answers: deque[bytes] = deque()
        self._last = b""

    async def __aenter__(self) -> Self:
        """Connect."""
        await self.reconnect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the link."""
        await self.close()

    async def send(self, message: bytes) -> bytes:
        """Send one message; return its ACK as bytes, or raise NoAnswerError and drop the link."""
        return (await self.send_together([message]))[0]

    async def send_together(self, messages: Iterable[bytes]) -> list[bytes]:
        """Send several messages in one write; return as many ACKs, in the order they came."""
        sent = list(messages)
        await self.write(b"".join(frame(message) for message in sent))
        self._last = sent[-1]
        return [await self.read_answer() for _ in sent]

    async def resend(self) -> bytes:
        """Send the last message again, byte for byte, on a new link."""
        await self.reconnect()
        return await self.send(self._last)

    async def write(self, data: bytes) -> None:
        """Put bytes on the wire as they are, framed or not."""
        _, writer = self._link or await self._connect()
        writer.write(data)
        await writer.drain()

    async def read_answer(self) -> bytes:
        """Wait for the next frame on the link."""
        try:
            async with asyncio.timeout(self._timeout):
                while not self._answers:
                    self._answers.extend(self._framer.feed(await self._read()))
        except (TimeoutError, ConnectionError) as error:
            await self.close()
            raise NoAnswerError(str(error) or "timed out") from error
        return self._answers.popleft()

    async def _read(self) -> bytes:
        data = await self._link[0].read(CHUNK) if self._link else b""
        if not data:
            raise ConnectionResetError("the peer closed the link")
        return data

    async def reconnect(self) -> None:
        """Close the link, if any, and open a new one."""
        await self.close()
        await self._connect()

    async def _connect(self) -> Link:
        host, port = self._address
        self._link = await asyncio.open_connection(host, port, ssl=self._tls)
        return self._link

    async def close(self) -> None:
        """Close the link; the next message opens another."""
        link, self._link = self._link, None
        self._framer, self._answers = Framer(), deque()
        if link is not None:
            link[1].close()
            try:
                await link[1].wait_closed()
            except ConnectionError:
                return  # the peer was quicker
