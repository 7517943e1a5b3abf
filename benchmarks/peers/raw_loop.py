"""Inserts as fast as asyncpg can, one statement and one commit each: the floor that others stand on.

python -m benchmarks.peers.raw_loop URL CONNECTIONS SECONDS
"""

import asyncio
import json
import sys
import time
import uuid
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # no py.typed in the wheel
import uvloop

from benchmarks.peers.row import CONTENT, INSERT, SCHEMA, SOURCE, payload

WARMUP_SECONDS = 0.5


async def main(url: str, connections: int, seconds: float) -> None:
    """Insert on so many connections at once; print rate and percentiles."""
    opened = [await asyncpg.connect(url) for _ in range(connections)]
    await opened[0].execute(SCHEMA)
    count_from = time.perf_counter() + WARMUP_SECONDS
    until = count_from + seconds
    taken = await asyncio.gather(*(_insert(one, count_from, until) for one in opened))
    samples = sorted(sample for own in taken for sample in own)
    for one in opened:
        await one.close()
    middle, late = samples[len(samples) // 2], samples[int(len(samples) * 0.99)]
    told = {"rate": len(samples) / seconds, "p50_ms": middle * 1000, "p99_ms": late * 1000}
    print(json.dumps(told))


async def _insert(connection: Any, count_from: float, until: float) -> list[float]:
    statement = await connection.prepare(INSERT)
    samples: list[float] = []
    began = time.perf_counter()
    while began < until:
        identifier = uuid.uuid4()
        await statement.fetch(identifier, SOURCE, identifier.hex, CONTENT, payload(identifier))
        ended = time.perf_counter()
        if ended >= count_from:
            samples.append(ended - began)
        began = ended
    return samples


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
