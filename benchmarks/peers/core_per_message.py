"""Our MLLP server on SQLAlchemy Core with one transaction per message.

python -m benchmarks.peers.core_per_message PORT postgresql+asyncpg://…
"""

import asyncio
import sys
import uuid
from collections.abc import Callable, Sequence

import uvloop
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from benchmarks.peers.ack import accept
from benchmarks.peers.row import SCHEMA, SOURCE, payload
from emr_bridge.transports.mllp import Limits, Server

REFERRAL = text(
    "INSERT INTO referrals (id, source, control_id, content)"
    " VALUES (:id, :source, :control_id, :content)"
)
OUTBOX = text("INSERT INTO outbox (referral_id, payload) VALUES (:id, :payload)")


class OneEach:
    """Keeps a message in a transaction of its own; satisfies the Inbound port."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Take the engine with its pool."""
        self._engine = engine
        self._running: set[asyncio.Task[None]] = set()

    async def answer(self, message: bytes) -> bytes | None:
        """Commit, then return an ACK."""
        identifier, content = uuid.uuid4(), message.decode()
        row = {"id": identifier, "source": SOURCE, "control_id": identifier.hex, "content": content}
        async with self._engine.begin() as tx:
            await tx.execute(REFERRAL, row)
            await tx.execute(OUTBOX, {"id": identifier, "payload": payload(identifier)})
        return accept(message)

    def take(self, message: bytes, answered: Callable[[bytes | None], None]) -> None:
        """Commit, then answer."""

        async def keep() -> None:
            answered(await self.answer(message))

        task = asyncio.create_task(keep())
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def refuse_oversized(self, head: bytes) -> bytes:
        """Return an ACK: the load sends nothing of the kind."""
        return accept(head)


async def main(arguments: Sequence[str]) -> None:
    """Make the tables and serve until killed."""
    engine = create_async_engine(arguments[1], pool_size=8, max_overflow=0)
    async with engine.begin() as tx:
        for statement in filter(str.strip, SCHEMA.split(";")):
            await tx.execute(text(statement))
    await Server(OneEach(engine), Limits()).serve("127.0.0.1", int(arguments[0]))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1:]))
