"""MLLP over TCP, inbound: the port that listens, and the links that are open on it."""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from emr_bridge.domain.peer import Peer
from emr_bridge.ports import Inbound
from emr_bridge.transports.connection import Connection, Limits
from emr_bridge.transports.handshake import ADDRESS, CROWDED, Door
from emr_bridge.transports.listening import sockets_at

__all__ = ["Binding", "Limits", "Server"]

log = structlog.get_logger()

BACKLOG = 512
"""Links that may wait to be accepted: all of a clinic's may come back at once."""


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
        self._doors: list[Door] = []
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
        self._doors = []
        opened: list[asyncio.Server | Door] = []
        try:
            for binding in bindings:
                opened.append(await self._listen(binding))
            self.ports = [one.sockets[0].getsockname()[1] for one in opened]
            self.listening.set()
            doors = [door.accept() for door in self._doors]
            await asyncio.gather(*doors, asyncio.get_running_loop().create_future())
        finally:
            self.listening.clear()
            for one in opened:
                one.close()
            await self._drain()

    async def _listen(self, binding: Binding) -> asyncio.Server | Door:
        opened: asyncio.Server | Door
        if binding.tls is None:
            opened = await asyncio.get_running_loop().create_server(
                self._connection, binding.host, binding.port, backlog=BACKLOG
            )
        else:
            sockets = await sockets_at(binding.host, binding.port, backlog=BACKLOG)
            opened = Door(sockets, binding.tls, self._connection, self._refusal)
            self._doors.append(opened)
        kind = "plain" if binding.tls is None else "tls"
        port = opened.sockets[0].getsockname()[1]
        log.info("mllp_listening", host=binding.host, port=port, kind=kind)
        return opened

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

    def _refusal(self, host: str) -> str | None:
        """Return why TLS is not even begun with an address: those with whom it is count as links do."""
        if not self._is_allowed(Peer(host)):
            return ADDRESS
        if self._is_full(len(self._connections) + sum(door.begun for door in self._doors)):
            return CROWDED
        return None

    def _made(self, connection: Connection) -> bool:
        """Tell whether a link may stay."""
        if not self._is_allowed(connection.peer) or self._is_full(len(self._connections)):
            return False
        self._connections.add(connection)
        return True

    def _is_allowed(self, peer: Peer) -> bool:
        is_within = peer.is_within(self._limits.allowed)
        if not is_within:
            log.warning("mllp_address_refused", host=peer.address)
        return is_within

    def _is_full(self, count: int) -> bool:
        is_full = self._draining or count >= self._limits.max_connections
        if is_full:
            log.warning("mllp_connection_refused", connections=count)
        return is_full

    def _lost(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._all_gone.set()
