"""Programs that the benchmarks start: on loopback, ended with us, their output kept for the case of trouble."""

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path

from tests.servers.provider import end_with_parent, free_port

from benchmarks.harness.contender import Absent, Failed

START_SECONDS = 60.0
STOP_SECONDS = 15.0
ROOT = Path(__file__).resolve().parents[2]

Argument = str | Path | int | float


def module(name: str, *arguments: Argument) -> list[str]:
    """Return the command line of one of our own programs."""
    return [sys.executable, "-m", name, *map(str, arguments)]


@contextlib.asynccontextmanager
async def running(
    command: Sequence[Argument], *, environment: Mapping[str, str] | None = None
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """Run a program until the end of the block; kill it where SIGTERM does not help."""
    with tempfile.TemporaryFile() as printed:
        process = await asyncio.create_subprocess_exec(
            *map(str, command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
            cwd=ROOT,
            env=os.environ | dict(environment or {}),
            preexec_fn=end_with_parent,
        )
        try:
            yield process
        except Absent as reason:
            printed.seek(max(0, printed.seek(0, os.SEEK_END) - 600))
            raise Absent(f"{reason}: {printed.read().decode(errors='replace')}") from reason
        finally:
            await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def listens(process: asyncio.subprocess.Process, port: int) -> None:
    """Return when it listens; Absent when it ended or took too long."""
    deadline = asyncio.get_running_loop().time() + START_SECONDS
    while asyncio.get_running_loop().time() < deadline and process.returncode is None:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.05)
    raise Absent(f"it does not listen (exit code {process.returncode})")


async def output_of(command: Sequence[Argument]) -> bytes:
    """Run a program to its end and return what it printed; what it complains of goes to our stderr."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdout=asyncio.subprocess.PIPE, cwd=ROOT, preexec_fn=end_with_parent
    )
    try:
        printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            await _end(process)
    if process.returncode != 0:
        raise Failed(f"{Path(str(command[0])).name} ended with {process.returncode}")
    return printed


class Talking:
    """A program that answers once more when its input is closed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """Take a program with pipes."""
        self._process = process

    async def line(self) -> bytes:
        """Return what it says next."""
        assert self._process.stdout is not None  # noqa: S101 - it was started with a pipe
        return await self._process.stdout.readline()

    async def last_word(self) -> bytes:
        """Close its input; return what it says then."""
        said, _ = await self._process.communicate(b"")
        return said


@contextlib.asynccontextmanager
async def talking(command: Sequence[Argument]) -> AsyncGenerator[Talking]:
    """Run a program that prints a line when it is ready; go on from there."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        stdin=pipe,
        stdout=pipe,
        cwd=ROOT,
        limit=1 << 26,
        preexec_fn=end_with_parent,
    )
    try:
        talker = Talking(process)
        await talker.line()
        yield talker
    finally:
        await _end(process)


__all__ = ["ROOT", "Talking", "free_port", "listens", "module", "output_of", "running", "talking"]
