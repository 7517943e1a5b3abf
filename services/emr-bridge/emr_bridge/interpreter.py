"""The process that reads, beside the service that keeps: started by it (`workers.apart`), ends with it."""

import asyncio
import os
import signal
import socket
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable

import structlog

from common import failpoints, logs, tracing
from common.eventlog.open import open_log
from common.runner import open_runtime, until_stopped
from common.service import Runtime
from common.settings import SharedSettings
from common.tracing_otlp import exporting
from common.verdicts import code_of, is_momentary, is_outage
from emr_bridge.settings import Settings
from emr_bridge.workers.apart import CAREFUL, EVENTS, LEFT, ROWS
from emr_bridge.workers.interpreter import Left, interpret_next
from emr_bridge.workers.reading import ALL, Reader

NICE = 5
"""How far it steps back: a third of what others have that want the processor, all of one that is free."""

LOOKS = 10
"""How often it looks at one word of the service while it finds something each time."""

GATHER_SECONDS = 0.005
"""How long messages gather that come while others are read: a batch costs as much as several."""

PAUSE_SECONDS = 0.5
"""How long it waits after a fault that is not its own, such as a database that is away."""

log = structlog.get_logger()


async def interpret_as_told(
    runtime: Runtime, heard: StreamReader, told: StreamWriter, *, is_careful: bool = False
) -> None:
    """Read some whenever the service says so, and say what came of it; return when it is gone.

    It reads in a thread, that is in itself; while it `is_careful` in a process of its own, so that
    it outlives whatever its forerunner did not.
    """
    reader = Reader(few=0 if is_careful else ALL)
    try:
        while await _is_told(heard):
            left = await look(runtime, reader, told.write)
            told.write(LEFT[left])
            if left is Left.NOTHING:
                reader.few = ALL
    finally:
        reader.close()
        told.close()


async def look(runtime: Runtime, reader: Reader, say: Callable[[bytes], None]) -> Left:
    """Read what is there, and what came meanwhile; say what is committed as soon as it is."""
    db, left = runtime.db, Left.NOTHING
    for _ in range(LOOKS):
        rows, events = db.committed.count, db.told.count
        left = await _step(runtime, reader)
        if db.committed.count != rows:
            say(ROWS)
        if db.told.count != events:
            say(EVENTS)
        if left is not Left.NOTHING or db.told.count == events:
            break
        await asyncio.sleep(GATHER_SECONDS)
    return left


async def _is_told(heard: StreamReader) -> bool:
    """Wait until the service says that there is something to read; False when it is gone."""
    try:
        return bool(await heard.read(64))
    except ConnectionError:
        return False


async def _step(runtime: Runtime, reader: Reader) -> Left:
    try:
        return await interpret_next(runtime, reader)
    except Exception as error:
        if not (is_outage(error) or is_momentary(error)):
            raise
        log.warning("reading_failed", code=code_of(error))
        await asyncio.sleep(PAUSE_SECONDS)
        return Left.NOTHING


async def main(channel: socket.socket, *, is_careful: bool) -> None:
    """Read for the service at the other end of the channel, with its settings."""
    settings, shared = Settings(), SharedSettings()
    logs.configure(level=shared.log_level, form=shared.log_format)
    runtime = open_runtime("emr-bridge", settings, shared, log=open_log(shared))
    heard, told = await asyncio.open_connection(sock=channel)
    os.nice(NICE)
    tracing.serve("emr-bridge")
    async with exporting():
        try:
            reading = interpret_as_told(runtime, heard, told, is_careful=is_careful)
            await asyncio.create_task(reading, name="emr-bridge:interpreter")
        finally:
            await runtime.db.close()
            await runtime.log.close()


if __name__ == "__main__":
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
    ):  # meant for the service, which closes the channel
        signal.signal(number, signal.SIG_IGN)
    failpoints.take_along(os.getppid())
    channel = socket.socket(fileno=sys.stdin.fileno())
    until_stopped(main(channel, is_careful=CAREFUL in sys.argv))
