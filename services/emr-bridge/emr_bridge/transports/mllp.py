"""MLLP over TCP, inbound: many links, each answered in the order of its messages.

Knows frames and sockets; what a message says is the Inbound port's business.
"""

import asyncio
import contextlib
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from emr_bridge.ports import Inbound
from emr_bridge.transports.framer import Broken, Found, Frame, Framer, TooLarge, framed

log = structlog.get_logger()

CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What one listener and one link may take; times in seconds."""

    max_bytes: int = 16 * 1024 * 1024
    max_connections: int = 1000
    max_garbage: int = 64 * 1024
    half_frame_seconds: float = 30.0
    write_seconds: float = 30.0
    drain_seconds: float = 8.0
    linger_seconds: float = 5.0
    tolerate_missing_return: bool = True


class Connection:
    """One link as accepted: its streams, its task, and whether it waits for the peer."""

    def __init__(self, reader: StreamReader, writer: StreamWriter, limits: Limits) -> None:
        """Start between frames."""
        self.reader = reader
        self.writer = writer
        self.task = asyncio.current_task()
        self.is_waiting = False
        self.framer = Framer(
            max_bytes=limits.max_bytes,
            max_garbage=limits.max_garbage,
            tolerate_missing_return=limits.tolerate_missing_return,
        )

    async def next_bytes(self, half_frame_seconds: float) -> bytes:
        """Return what arrives next; nothing at the end, or when a begun frame is left hanging."""
        self.is_waiting = True
        try:
            async with asyncio.timeout(half_frame_seconds if self.framer.inside else None):
                return await self.reader.read(CHUNK)
        except (TimeoutError, ConnectionError):
            return b""
        finally:
            self.is_waiting = False


class Server:
    """Listens until cancelled; then stops reading, answers what is framed, and closes."""

    def __init__(self, inbound: Inbound, limits: Limits) -> None:
        """Take the port that keeps and answers messages."""
        self._inbound = inbound
        self._limits = limits
        self._connections: set[Connection] = set()
        self._draining = False
        self.port = 0
        self.listening = asyncio.Event()

    @property
    def connections(self) -> int:
        """How many links are open now."""
        return len(self._connections)

    async def serve(self, host: str, port: int) -> None:
        """Accept links on `host`:`port` (0 chooses one, see `port`)."""
        self._draining = False
        server = await asyncio.start_server(self._accept, host, port, limit=CHUNK, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        log.info("mllp_listening", host=host, port=self.port)
        self.listening.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.listening.clear()
            server.close()
            await self._drain()

    async def _drain(self) -> None:
        """Close the links that wait for their peer; let those that are answering finish."""
        self._draining = True
        for connection in self._connections:
            if connection.is_waiting and connection.task:
                connection.task.cancel()
        tasks = [connection.task for connection in self._connections if connection.task]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self._limits.drain_seconds)
            for task in late:
                task.cancel()
        log.info("mllp_closed", connections=len(tasks))

    async def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        if len(self._connections) >= self._limits.max_connections:
            log.warning("mllp_connection_refused", connections=len(self._connections))
            writer.close()
            return
        _keep_alive(writer)
        connection = Connection(reader, writer, self._limits)
        self._connections.add(connection)
        try:
            await self._converse(connection)
        except asyncio.CancelledError:
            if not self._draining:
                raise
        finally:
            self._connections.discard(connection)
            writer.close()

    async def _converse(self, connection: Connection) -> None:
        framer = connection.framer
        while not framer.closed and not self._draining:
            data = await connection.next_bytes(self._limits.half_frame_seconds)
            found = framer.feed(data) if data else framer.settle()
            if not await self._answer(found, connection.writer) or not data:
                return

        await self._see_off(connection)

    async def _see_off(self, connection: Connection) -> None:
        """Let a peer that is cut off read its answer: closing over unread bytes would reset it."""
        connection.is_waiting = True
        with contextlib.suppress(TimeoutError, OSError):
            if connection.writer.can_write_eof():
                connection.writer.write_eof()
            async with asyncio.timeout(self._limits.linger_seconds):
                while await connection.reader.read(CHUNK):
                    pass

    async def _answer(self, found: Sequence[Found], writer: StreamWriter) -> bool:
        """Answer what was found, in its order; return whether the link is still good."""
        answers = [
            asyncio.ensure_future(self._inbound.answer(item.payload))
            for item in found
            if isinstance(item, Frame)
        ]
        waiting = iter(answers)
        for item in found:
            if isinstance(item, Frame):
                _send(writer, await next(waiting))
            else:
                self._note(item, writer)
        return await self._flush(writer)

    def _note(self, item: Broken | TooLarge, writer: StreamWriter) -> None:
        if isinstance(item, TooLarge):
            log.warning("mllp_message_too_large", size=self._limits.max_bytes)
            _send(writer, self._inbound.refuse_oversized(item.head))
        else:
            log.warning("mllp_frame_broken", reason=item.reason, size=item.size)

    async def _flush(self, writer: StreamWriter) -> bool:
        try:
            async with asyncio.timeout(self._limits.write_seconds):
                await writer.drain()
        except (TimeoutError, ConnectionError):
            log.info("mllp_peer_gone_before_answer")
            return False
        return not writer.is_closing()


def _send(writer: StreamWriter, answer: bytes | None) -> None:
    if answer is not None and not writer.is_closing():
        writer.write(framed(answer))


def _keep_alive(writer: StreamWriter) -> None:
    accepted = writer.get_extra_info("socket")
    if accepted is not None:
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
