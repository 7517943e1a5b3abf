"""Our Database on SQLite: transactions that come together share a commit.

python -m benchmarks.ours.sqlite_writes FILE WRITERS SECONDS
"""

import sys
import uuid

import uvloop

from benchmarks.harness.timing import hammer, tell
from benchmarks.peers.row import OUTBOX, REFERRAL, metadata, values
from common.database import Database


async def main(file: str, writers: int, seconds: float) -> None:
    """Insert from so many tasks."""
    db = Database(f"sqlite:///{file}")
    await db.create_all(metadata)
    samples = await hammer([lambda: _insert(db)] * writers, seconds)
    await db.close()
    tell(samples, rate=len(samples) / seconds)


async def _insert(db: Database) -> None:
    row, told = values(uuid.uuid4())
    async with db.begin() as tx:
        await tx.execute(REFERRAL, row)
        await tx.execute(OUTBOX, told)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
