"""Listens on an MLLP port and answers as it was told: an EMR's other end, for people who test one."""

import asyncio
import contextlib
import ssl
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from common.ids import new_id
from emr_bridge.formats.hl7v2.ack import Refusal, acknowledge, control_id_of, is_acknowledgement
from emr_bridge.formats.hl7v2.header import Header, read_header
from emr_bridge.transports.framer import Frame, Framer, framed

CHUNK = 64 * 1024
LARGEST = 256 * 1024 * 1024
ANSWERS = ("AA", "AE", "AR", "CA", "CE", "CR", "none")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How messages are answered: MSA-1 (or `none`), ERR-3, and after how many seconds."""

    code: str = "AA"
    error: int = 207
    delay_seconds: float = 0.0

    def answer(self, header: Header) -> bytes | None:
        """Return the answer to a message; an acknowledgement is never answered."""
        if self.code == "none" or is_acknowledgement(header):
            return None
        is_accepted = self.code.endswith("A")
        refusal = None if is_accepted else Refusal(f"A{self.code[1]}", self.error, "As told")
        return acknowledge(
            header,
            refusal,
            is_enhanced=self.code.startswith("C"),
            control_id=control_id_of(new_id()),
            now=datetime.now(UTC),
        )


Take = Callable[[bytes, Header], None]


@dataclass
class Listener:
    """Takes messages until it is cancelled, or has as many as `count`."""

    behaviour: Behaviour
    take: Take
    count: int | None = None
    port: int = 0
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    _open: set[asyncio.Task[None]] = field(default_factory=set)
    _taken: int = 0
    _done: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Listen; OSError when the port cannot be had."""
        server = await asyncio.start_server(self._serve, host, port, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        try:
            await self._done.wait()
        finally:
            server.close()
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.create_task(self._converse(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _converse(self, reader: StreamReader, writer: StreamWriter) -> None:
        framer = Framer(max_bytes=LARGEST)
        try:
            while data := await reader.read(CHUNK):
                for item in framer.feed(data):
                    if isinstance(item, Frame):
                        await self._message(item.payload, writer)
        except OSError:
            pass  # the peer went away; there is nobody to tell
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _message(self, raw: bytes, writer: StreamWriter) -> None:
        header = read_header(raw)
        self.take(raw, header)
        await asyncio.sleep(self.behaviour.delay_seconds)
        answer = self.behaviour.answer(header)
        if answer is not None:
            writer.write(framed(answer))
            await writer.drain()
        self._taken += 1
        if self._taken == self.count:
            self._done.set()
