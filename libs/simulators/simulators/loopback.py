"""How every simulator listens: on loopback or not at all, in a test's event loop or as a process.

Knows sockets and uvicorn, and nothing of what is served.
"""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

LOOPBACK = "127.0.0.1"


class NotLoopbackError(ValueError):
    """A simulator was asked to listen or to call beyond this machine."""


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address can only be this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_loopback(host: str) -> None:
    """Refuse every host but loopback: a stand-in must never be mistaken for the real thing."""
    if not is_loopback(host):
        raise NotLoopbackError(f"{host!r} is not a loopback address")


def is_loopback_url(url: str) -> bool:
    """Tell whether an http(s) URL stays on this machine."""
    parts = urlsplit(url)
    return parts.scheme in {"http", "https"} and is_loopback(parts.hostname or "")


def listen(host: str = LOOPBACK, port: int = 0) -> socket.socket:
    """Bind a loopback TCP port (0 takes a free one) and listen on it."""
    require_loopback(host)
    return socket.create_server((host, port), backlog=128)


def port_of(sock: socket.socket) -> int:
    """Return the TCP port that a listening socket was given."""
    return int(sock.getsockname()[1])


class _DroppableProtocol(H11Protocol):
    """HTTP whose application can hang up without an answer: `request.state.hang_up()`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it too
        super().connection_made(transport)
        self.app_state = {**self.app_state, "hang_up": transport.abort}


class _InProcessServer(uvicorn.Server):
    """A server that leaves the signal handlers to its host and says when it is ready."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self.stopped = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture none: the test runner owns them."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then wake whoever waits for it."""
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        """Wait to be stopped, without the tenth of a second that polling would cost each test."""
        await self.on_tick(0)
        await self.stopped.wait()


def _config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_DroppableProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=2,
    )


@asynccontextmanager
async def serving(app: FastAPI, *, host: str = LOOPBACK, port: int = 0) -> AsyncGenerator[str]:
    """Serve an application inside the running event loop; yields its base URL."""
    sock = listen(host, port)
    server = _InProcessServer(_config(app))
    task = asyncio.create_task(server.serve(sockets=[sock]))
    task.add_done_callback(lambda _: server.ready.set())
    try:
        await server.ready.wait()
        yield f"http://{host}:{port_of(sock)}"
    finally:
        server.stopped.set()
        await task


def serve_forever(app: FastAPI, *, host: str, port: int) -> None:
    """Serve an application as this process, until a signal stops it."""
    uvicorn.Server(_config(app)).run(sockets=[listen(host, port)])
