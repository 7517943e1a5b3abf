"""Inserts as fast as asyncpg can, one statement and one commit each: the floor that others stand on.

python -m benchmarks.peers.raw_loop URL CONNECTIONS SECONDS
"""

import sys
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # no py.typed in the wheel
import uvloop

from benchmarks.harness.timing import hammer, tell
from benchmarks.peers.row import CONTENT, IN_ONE_STATEMENT, SCHEMA, SOURCE, payload


async def main(url: str, connections: int, seconds: float) -> None:
    """Insert on so many connections at once."""
    opened = [await asyncpg.connect(url) for _ in range(connections)]
    await opened[0].execute(SCHEMA)
    writes = [_inserting(await connection.prepare(IN_ONE_STATEMENT)) for connection in opened]
    samples = await hammer(writes, seconds)
    for connection in opened:
        await connection.close()
    tell(samples, rate=len(samples) / seconds)


def _inserting(statement: Any) -> Callable[[], Awaitable[object]]:
    async def write() -> None:
        identifier = uuid.uuid4()
        await statement.fetch(identifier, SOURCE, identifier.hex, CONTENT, payload(identifier))

    return write


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
