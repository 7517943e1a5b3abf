"""SQLite by aiosqlite and SQLAlchemy Core, one transaction each, synchronous=FULL.

python -m benchmarks.peers.sqlite_each FILE WRITERS SECONDS
"""

import sys
import uuid

import uvloop
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from benchmarks.harness.timing import hammer, tell
from benchmarks.peers.row import OUTBOX, REFERRAL, metadata, values


async def main(file: str, writers: int, seconds: float) -> None:
    """Insert from so many tasks through one writing connection."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{file}", pool_size=1, max_overflow=0)
    event.listen(engine.sync_engine, "connect", _durable)
    event.listen(engine.sync_engine, "begin", lambda tx: tx.exec_driver_sql("BEGIN IMMEDIATE"))
    async with engine.begin() as tx:
        await tx.run_sync(metadata.create_all)
    samples = await hammer([lambda: _insert(engine)] * writers, seconds)
    await engine.dispose()
    tell(samples, rate=len(samples) / seconds)


async def _insert(engine: AsyncEngine) -> None:
    row, told = values(uuid.uuid4())
    async with engine.begin() as tx:
        await tx.execute(REFERRAL, row)
        await tx.execute(OUTBOX, told)


def _durable(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
