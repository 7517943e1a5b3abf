"""A clinic's webhook endpoint on loopback: keeps what it gets, answers by script."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Post:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Answers each request with the next scripted answer, 204 when none is left."""

    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    silent: bool = False
    trickling: bool = False
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer(reader, writer)
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.posts.append(Post(first.split()[1], headers, body))
        if self.silent:
            await reader.read()
            return
        if self.trickling:
            await self._trickle(writer)
            return
        status, more = self.answers.pop(0) if self.answers else (204, {})
        extra = "".join(f"{name}: {value}\r\n" for name, value in more.items())
        writer.write(
            f"HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n{extra}\r\n".encode(
                "latin-1"
            )
        )
        await writer.drain()

    @staticmethod
    async def _trickle(writer: asyncio.StreamWriter) -> None:
        """Send a header a byte at a time: each comes before any time-out between two bytes."""
        writer.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
        with contextlib.suppress(ConnectionError):
            for _ in range(40):
                writer.write(b"a")
                await writer.drain()
                await asyncio.sleep(0.05)


@asynccontextmanager
async def receiving() -> AsyncGenerator[Receiver]:
    """Listen on a free port of this machine."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        await server.wait_closed()
