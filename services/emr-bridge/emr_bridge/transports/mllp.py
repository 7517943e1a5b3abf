"""MLLP over TCP, inbound: the port that listens, and the links that are open on it."""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from emr_bridge.ports import Inbound
from emr_bridge.transports.connection import Connection, Limits

__all__ = ["Binding", "Limits", "Server"]

log = structlog.get_logger()

BACKLOG = 512
"""Links that may wait to be accepted: all of a clinic's may come back at once."""

HANDSHAKE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Binding:
    """Where to listen; `tls` is what we show, None for plain MLLP."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None


class Server:
    """Listens until cancelled; then stops reading, answers what is framed, and closes."""

    def __init__(self, inbound: Inbound, limits: Limits) -> None:
        """Take the port that keeps and answers messages."""
        self._inbound = inbound
        self._limits = limits
        self._connections: set[Connection] = set()
        self._all_gone = asyncio.Event()
        self._draining = False
        self.ports: list[int] = []
        self.listening = asyncio.Event()

    @property
    def connections(self) -> int:
        """How many links are open now."""
        return len(self._connections)

    @property
    def port(self) -> int:
        """The first port that we listen on; 0 before."""
        return self.ports[0] if self.ports else 0

    async def serve(self, host: str, port: int) -> None:
        """Accept links on `host`:`port` (0 chooses one, see `port`), without TLS."""
        await self.serve_all([Binding(host, port)])

    async def serve_all(self, bindings: Sequence[Binding]) -> None:
        """Accept links wherever is told, until cancelled; all of them count together."""
        self._draining = False
        servers: list[asyncio.Server] = []
        try:
            for binding in bindings:
                servers.append(await self._listen(binding))
            self.ports = [server.sockets[0].getsockname()[1] for server in servers]
            self.listening.set()
            await asyncio.get_running_loop().create_future()
        finally:
            self.listening.clear()
            for server in servers:
                server.close()
            await self._drain()

    async def _listen(self, binding: Binding) -> asyncio.Server:
        waits = HANDSHAKE_SECONDS if binding.tls else None
        server = await asyncio.get_running_loop().create_server(
            self._connection,
            binding.host,
            binding.port,
            backlog=BACKLOG,
            ssl=binding.tls,
            ssl_handshake_timeout=waits,
        )
        kind = "tls" if binding.tls else "plain"
        port = server.sockets[0].getsockname()[1]
        log.info("mllp_listening", host=binding.host, port=port, kind=kind)
        return server

    async def _drain(self) -> None:
        """Have every link answer what it was sent and close; abort those that are late."""
        self._draining = True
        open_links = list(self._connections)
        for connection in open_links:
            connection.finish()
        try:
            async with asyncio.timeout(self._limits.drain_seconds):
                while self._connections:
                    self._all_gone.clear()
                    await self._all_gone.wait()
        except TimeoutError:
            for connection in list(self._connections):
                connection.abort()
        log.info("mllp_closed", connections=len(open_links))

    def _connection(self) -> Connection:
        return Connection(self._inbound, self._limits, made=self._made, lost=self._lost)

    def _made(self, connection: Connection) -> bool:
        """Tell whether a link may stay."""
        if not connection.peer.is_within(self._limits.allowed):
            log.warning("mllp_address_refused", host=connection.peer.address)
            return False
        if self._draining or len(self._connections) >= self._limits.max_connections:
            log.warning("mllp_connection_refused", connections=len(self._connections))
            return False
        self._connections.add(connection)
        return True

    def _lost(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._all_gone.set()
