"""MLLP over TCP, inbound: the port that listens, and the links that are open on it."""

import asyncio

import structlog

from emr_bridge.ports import Inbound
from emr_bridge.transports.connection import Connection, Limits

log = structlog.get_logger()

BACKLOG = 512
"""Links that may wait to be accepted: all of a clinic's may come back at once."""


class Server:
    """Listens until cancelled; then stops reading, answers what is framed, and closes."""

    def __init__(self, inbound: Inbound, limits: Limits) -> None:
        """Take the port that keeps and answers messages."""
        self._inbound = inbound
        self._limits = limits
        self._connections: set[Connection] = set()
        self._all_gone = asyncio.Event()
        self._draining = False
        self.port = 0
        self.listening = asyncio.Event()

    @property
    def connections(self) -> int:
        """How many links are open now."""
        return len(self._connections)

    async def serve(self, host: str, port: int) -> None:
        """Accept links on `host`:`port` (0 chooses one, see `port`)."""
        loop = asyncio.get_running_loop()
        self._draining = False
        server = await loop.create_server(self._connection, host, port, backlog=BACKLOG)
        self.port = server.sockets[0].getsockname()[1]
        log.info("mllp_listening", host=host, port=self.port)
        self.listening.set()
        try:
            await loop.create_future()
        finally:
            self.listening.clear()
            server.close()
            await self._drain()

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
        if self._draining or len(self._connections) >= self._limits.max_connections:
            log.warning("mllp_connection_refused", connections=len(self._connections))
            return False
        self._connections.add(connection)
        return True

    def _lost(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._all_gone.set()
