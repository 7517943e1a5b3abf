"""The whole system as a process of its own, seen from outside: started, killed, started again."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from tests.system.books import FileBooks

READY_SECONDS = 40.0


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Whole:
    """`referral-loop serve` in a folder of its own, on ports of its own."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    mllp_port: int = field(default_factory=free_port)
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def books(self) -> FileBooks:
        """What its files say."""
        return FileBooks(self.folder / "data")

    @property
    def log(self) -> Path:
        """Everything that the process ever printed."""
        return self.folder / "printed.log"

    async def start(self) -> None:
        """Start, and wait until every service says that it is ready."""
        own = {
            "DATA_DIR": str(self.folder / "data"),
            "EMBEDDED_PORT": str(self.port),
            "EMR_BRIDGE_MLLP_PORT": str(self.mllp_port),
            "LOG_FORMAT": "json",
            "LOG_LEVEL": "info",
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as printed:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "embedded", "serve"),
                env=os.environ | own | dict(self.environment),
                stdout=printed,
                stderr=printed,
                cwd=self.folder,
            )
        await self._until_ready()

    async def kill(self) -> None:
        """Pull the plug."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> int:
        """Ask it to stop; return its exit code."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            return await self.process.wait()

    async def end(self) -> None:
        """Make sure that nothing is left running."""
        if self.process is not None and self.process.returncode is None:
            await self.kill()

    async def call(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Send one request to an API."""
        async with httpx2.AsyncClient(base_url=self.url, timeout=20) as client:
            return await client.request(method, path, **options)

    async def _until_ready(self) -> None:
        assert self.process is not None
        async with asyncio.timeout(READY_SECONDS), httpx2.AsyncClient() as client:
            while True:
                if self.process.returncode is not None:
                    raise AssertionError(f"it ended: {self.log.read_text()[-2000:]}")
                with contextlib.suppress(httpx2.TransportError):
                    if (await client.get(f"{self.url}/readyz")).status_code == 200:
                        return
                await asyncio.sleep(0.05)


async def until(what: Any, *, seconds: float = 30, every: float = 0.1) -> Any:
    """Return the first true answer of an async question; fail when it never comes."""
    async with asyncio.timeout(seconds):
        while True:
            if answer := await what():
                return answer
            await asyncio.sleep(every)
