"""Programs of a peer, from a test: told messages, or listening."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from benchmarks.harness.process import free_port, listens, running

SECONDS = 60.0


@dataclass(frozen=True)
class Peer:
    """Somebody else's implementation: the command line of each of its programs, by name."""

    program: Callable[[str], list[str]]


async def told(command: Sequence[str], messages: Sequence[bytes]) -> list[list[str]]:
    """Give a program messages; return the fields of each line that it prints, a line for each."""
    lines = b"".join(base64.b64encode(message) + b"\n" for message in messages)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        async with asyncio.timeout(SECONDS):
            printed, complained = await process.communicate(lines)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    found = [line.split("\t") for line in printed.decode().splitlines()]
    assert len(found) == len(messages), complained.decode()
    return found


@asynccontextmanager
async def serving(peer: Peer) -> AsyncGenerator[int]:
    """Run the peer's server; give its port."""
    port = free_port()
    async with running([*peer.program("server"), port]) as process:
        await listens(process, port)
        yield port
