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
from benchmarks.peers.row import OUTBOX, REFERRAL, SCHEMA, values
from emr_bridge.ports import Caller
from emr_bridge.transports.mllp import Limits, Server


class OneEach:
    """Keeps a message in a transaction of its own; satisfies the Inbound port."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Take the engine with its pool."""
        self._engine = engine
        self._running: set[asyncio.Task[None]] = set()

    async def answer(self, message: bytes) -> bytes | None:
        """Commit, then return an ACK."""
        row, told = values(uuid.uuid4())
        async with self._engine.begin() as tx:
            await tx.execute(REFERRAL, row | {"content": message.decode()})
            await tx.execute(OUTBOX, told)
        return accept(message)

    def take(
        self, message: bytes, answered: Callable[[bytes | None], None], caller: Caller
    ) -> None:
        """Commit, then answer."""
        del caller

        async def keep() -> None:
            answered(await self.answer(message))

        task = asyncio.create_task(keep())
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def refuse_oversized(self, head: bytes, caller: Caller) -> bytes:
        """Return an ACK: the load sends nothing of the kind."""
        del caller
        return accept(head)

    def gone(self, caller: Caller) -> None:
        """Nothing is known of it."""


async def main(arguments: Sequence[str]) -> None:
    """Make the tables and serve until killed."""
    engine = create_async_engine(arguments[1], pool_size=8, max_overflow=0)
    async with engine.begin() as tx:
        for statement in filter(str.strip, SCHEMA.split(";")):
            await tx.execute(text(statement))
    await Server(OneEach(engine), Limits()).serve("127.0.0.1", int(arguments[0]))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1:]))
