"""The EMR as a receiver: an MLLP listener that keeps every message and answers by script."""

import asyncio
import ssl
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from simulators.emr.acknowledgement import Fault, Header, acknowledge, read_header
from simulators.emr.framing import Framer, FrameTooLargeError, frame
from simulators.emr.steps import Kind, Step, accept
from simulators.loopback import LOOPBACK, listen, port_of
from simulators.script import Script

CHUNK = 64 * 1024


@dataclass(slots=True)
class Received:
    """One message as it came, and the ACKs that it got (none when the EMR kept silent)."""

    control_id: str
    message: bytes
    at: datetime
    step: Step
    answers: list[bytes] = field(default_factory=list)


class EmrServer:
    """An EMR's inbound interface; `host` and `port` say where it listens, also while down."""

    def __init__(
        self, *, host: str = LOOPBACK, port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        self.host, self.port = host, port
        self.received: list[Received] = []
        self.script = Script(accept())
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._links: dict[asyncio.StreamWriter, asyncio.Task[Any] | None] = {}
        self._outage: asyncio.Task[None] | None = None

    @property
    def is_listening(self) -> bool:
        """Tell whether a peer can connect now."""
        return self._server is not None

    def duplicates(self) -> dict[str, int]:
        """Count, for each MSH-10 that came more than once, how often it came."""
        counted = Counter(received.control_id for received in self.received)
        return {control_id: times for control_id, times in counted.items() if times > 1}

    async def follow(self, *steps: Step, then: Step | None = None) -> None:
        """Answer so in turn, and `then` (AA unless told) for ever; a down step acts at once."""
        await self._end_outage()
        self.script.follow(*steps, then=then or accept())
        await self._obey_down()

    async def start(self) -> None:
        """Listen."""
        if self._server is None:
            sock = listen(self.host, self.port)
            self.port = port_of(sock)
            self._server = await asyncio.start_server(self._serve_link, sock=sock, ssl=self._tls)

    async def stop(self) -> None:
        """Stop listening and break all links, as a crash would."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for writer in self._links:
            writer.transport.abort()
        own = asyncio.current_task()
        others = {task for task in self._links.values() if task and task is not own}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others)

    async def close(self) -> None:
        """Stop for good."""
        await self._end_outage()
        await self.stop()

    async def reset(self) -> None:
        """Forget the messages and take everything again."""
        self.received.clear()
        await self.follow()

    async def _obey_down(self) -> None:
        if self.script.peek().kind is Kind.DOWN:
            await self.stop()
            self._outage = asyncio.create_task(self._wait_out(self.script.peek()))
        else:
            await self.start()

    async def _wait_out(self, step: Step) -> None:
        await asyncio.sleep(step.seconds or float("inf"))
        self.script.take()
        self._outage = None
        await self._obey_down()

    async def _end_outage(self) -> None:
        outage, self._outage = self._outage, None
        if outage is not None:
            outage.cancel()
            await asyncio.wait({outage})

    async def _serve_link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._links[writer] = asyncio.current_task()
        try:
            await self._answer_all(reader, writer)
        except (ConnectionError, FrameTooLargeError):
            writer.transport.abort()  # the peer broke the link, or has to be cut off
        except asyncio.CancelledError:
            writer.transport.abort()  # `stop` broke it; asyncio before 3.12 logs a cancelled link
        finally:
            del self._links[writer]
            writer.close()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        framer = Framer()
        while data := await reader.read(CHUNK):
            for message in framer.feed(data):
                received = self._keep(message)
                if received.step.kind is Kind.DROP:
                    return
                await self._answer(received, writer)
                if self.script.peek().kind is Kind.DOWN:
                    await self._obey_down()
                    return

    def _keep(self, message: bytes) -> Received:
        control_id = read_header(message).control_id
        received = Received(control_id, message, datetime.now(UTC), self.script.take())
        self.received.append(received)
        return received

    async def _answer(self, received: Received, writer: asyncio.StreamWriter) -> None:
        for wait, answer in answers(read_header(received.message), received.step):
            await asyncio.sleep(wait)
            received.answers.append(answer)
            writer.write(frame(answer))
            await writer.drain()


def answers(header: Header, step: Step) -> list[tuple[float, bytes]]:
    """Write the ACKs that a step gives, each with the seconds to wait before it."""
    is_refusal = step.code not in {"AA", "CA"} and step.error
    fault = Fault(step.error, step.location) if is_refusal else None
    final = acknowledge(header, step.code, fault=fault)
    return {
        Kind.ACCEPT: [(0.0, final)],
        Kind.REJECT: [(0.0, final)],
        Kind.SLOW: [(step.seconds, final)],
        Kind.COMMIT_THEN: [(0.0, acknowledge(header, "CA")), (step.seconds, final)],
        Kind.WRONG_ID: [
            (0.0, acknowledge(header, step.code, control_id=f"NOT-{header.control_id}")),
            (0.0, final),
        ],
    }.get(step.kind, [])
