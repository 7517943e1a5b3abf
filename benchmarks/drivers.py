"""Compares the drivers of PostgreSQL: the same referral and event written by asyncpg and by psycopg 3.

    .venv/bin/python -m benchmarks.drivers [--seconds 2] [--rounds 3] [--url postgresql://...]

Without a URL it starts the tests' own server, with fsync on. One process, uvloop; raw means one statement
that writes both rows, core means the same by SQLAlchemy Core in two statements and one transaction, each
one at a time and by 32 at once. The rounds are interleaved; what is printed are medians and the ratios to
raw asyncpg, which alone say something about another machine.
"""

import argparse
import asyncio
import contextlib
import statistics
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # no py.typed in the wheel
import psycopg
import uvloop
from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text, Uuid, insert, make_url
from sqlalchemy.ext.asyncio import create_async_engine
from tests.servers import postgresql

AT_ONCE = (1, 32)
TABLES = """
DROP TABLE IF EXISTS referrals, events;
CREATE TABLE referrals (id uuid PRIMARY KEY, source text, number int, body text, UNIQUE (source, number));
CREATE TABLE events (id bigserial PRIMARY KEY, subject text, payload text);
"""
BODY, PAYLOAD = "x" * 1500, "y" * 450
WRITE = (
    "WITH written AS (INSERT INTO referrals VALUES ({}, {}, {}, {})) "
    "INSERT INTO events (subject, payload) VALUES ({}, {})"
)
metadata = MetaData()
referrals = Table(
    "referrals",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("source", Text),
    Column("number", Integer),
    Column("body", Text),
)
events = Table(
    "events",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("subject", Text),
    Column("payload", Text),
)

Values = tuple[Any, ...]
Write = Callable[[Values], Awaitable[None]]
Way = Callable[[str, int], contextlib.AbstractAsyncContextManager[list[Write]]]
numbers = iter(range(1_000_000_000))


@contextlib.asynccontextmanager
async def raw_asyncpg(url: str, count: int) -> AsyncGenerator[list[Write]]:
    """Give so many connections, each of which writes by one prepared statement."""
    connections = [await asyncpg.connect(url) for _ in range(count)]
    statement = WRITE.format(*(f"${n + 1}" for n in range(6)))

    def of(connection: Any) -> Write:
        async def write(values: Values) -> None:
            await connection.execute(statement, *values)

        return write

    yield [of(connection) for connection in connections]
    for connection in connections:
        await connection.close()


@contextlib.asynccontextmanager
async def raw_psycopg(url: str, count: int) -> AsyncGenerator[list[Write]]:
    """Give the same by psycopg, prepared and in binary."""
    opened = [
        await psycopg.AsyncConnection.connect(url, autocommit=True, prepare_threshold=0)
        for _ in range(count)
    ]
    statement = WRITE.format(*["%b"] * 6)

    def of(connection: psycopg.AsyncConnection[Any]) -> Write:
        cursor = connection.cursor(binary=True)

        async def write(values: Values) -> None:
            await cursor.execute(statement, values)

        return write

    yield [of(connection) for connection in opened]
    for connection in opened:
        await connection.close()


def core(driver: str) -> Way:
    """Return the way through SQLAlchemy Core: one transaction of two statements, a pool of connections."""

    @contextlib.asynccontextmanager
    async def opened(url: str, count: int) -> AsyncGenerator[list[Write]]:
        engine = create_async_engine(
            make_url(url).set(drivername=f"postgresql+{driver}"), pool_size=count, max_overflow=0
        )

        async def write(values: Values) -> None:
            names = ("id", "source", "number", "body")
            async with engine.begin() as tx:
                await tx.execute(insert(referrals), dict(zip(names, values, strict=False)))
                await tx.execute(insert(events), {"subject": values[4], "payload": values[5]})

        yield [write] * count
        await engine.dispose()

    return opened


WAYS: dict[str, Way] = {
    "raw asyncpg": raw_asyncpg,
    "raw psycopg": raw_psycopg,
    "core asyncpg": core("asyncpg"),
    "core psycopg": core("psycopg"),
}


async def rate(way: Way, url: str, at_once: int, seconds: float) -> tuple[float, float]:
    """Return transactions per second, and the CPU microseconds of this process for each."""
    async with way(url, at_once) as writes:
        await asyncio.gather(*(_write_until(write, 0.3) for write in writes))
        began, cpu = time.perf_counter(), time.process_time()
        written = sum(await asyncio.gather(*(_write_until(write, seconds) for write in writes)))
        return written / (time.perf_counter() - began), 1e6 * (time.process_time() - cpu) / written


async def _write_until(write: Write, seconds: float) -> int:
    ends, count = time.perf_counter() + seconds, 0
    while time.perf_counter() < ends:
        values = (uuid.uuid4(), "clinic", next(numbers), BODY, "subject", PAYLOAD)
        await write(values)
        count += 1
    return count


async def compare(url: str, *, seconds: float, rounds: int) -> None:
    """Run every way in every round, and print the medians."""
    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for _ in range(rounds):
        connection = await asyncpg.connect(url)
        await connection.execute(TABLES)
        await connection.close()
        for at_once in AT_ONCE:
            for name, way in WAYS.items():
                one = await rate(way, url, at_once, seconds)
                found.setdefault((name, at_once), []).append(one)
    print(f"{'way':14} {'at once':>7} {'tx/s':>8} {'CPU us/tx':>10} {'to raw asyncpg':>15}")
    for (name, at_once), told in found.items():
        per_second, cpu = (statistics.median(values) for values in zip(*told, strict=True))
        base = statistics.median(one for one, _ in found["raw asyncpg", at_once])
        print(f"{name:14} {at_once:7} {per_second:8.0f} {cpu:10.0f} {per_second / base:15.2f}")


@contextlib.contextmanager
def server(url: str | None) -> Iterator[str]:
    """Give the URL that was named, or one of a server of our own that writes to the disk."""
    if url:
        yield url
        return
    postgresql.SETTINGS |= {"fsync": "on", "full_page_writes": "on", "shared_buffers": "256MB"}
    own = postgresql.from_wheel()
    try:
        yield own.url.replace("+asyncpg", "")
    finally:
        own.close()


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--url")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with server(given.url) as url:
        uvloop.run(compare(url, seconds=given.seconds, rounds=given.rounds))


if __name__ == "__main__":
    main()
