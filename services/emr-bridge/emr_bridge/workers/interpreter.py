"""The loop that reads what was kept."""

import asyncio
from collections.abc import Sequence

from common.database import Transaction
from common.service import Runtime
from common.worker import poll
from emr_bridge.handlers import interpret
from emr_bridge.handlers.interpret import Understood, Waiting
from emr_bridge.store import messages

INTERVAL_SECONDS = 1.0
"""How often a loop looks without being woken."""

TURN_SECONDS = 0.02
TURNS_ASKED = 50
"""How long a replica asks for its turn; then it goes on without: that is slower, not wrong."""


async def interpreter(runtime: Runtime) -> None:
    """Read kept messages until cancelled."""

    async def step() -> bool:
        return await interpret_next(runtime)

    await poll(step, wake=runtime.db.committed, every=INTERVAL_SECONDS)


async def interpret_next(runtime: Runtime) -> bool:
    """Read the oldest messages and record what they became; return whether there were any.

    Reading happens outside the transaction that records. Should two processes read the same
    messages all the same, whoever records first is believed, the other finds nothing to record.
    """
    async with runtime.db.read() as turn:
        await _turn(turn)
        found = await interpret.waiting(turn, sealer=runtime.sealer)
        if not found:
            return False
        understood = await asyncio.to_thread(_understand, found)
        async with runtime.db.begin() as tx:
            await interpret.record(tx, understood, sealer=runtime.sealer, now=runtime.clock())
    return True


async def _turn(tx: Transaction) -> None:
    """Wait while another replica reads."""
    for _ in range(TURNS_ASKED):
        if await messages.take_turn(tx):
            return
        await asyncio.sleep(TURN_SECONDS)


def _understand(messages: Sequence[Waiting]) -> list[Understood]:
    return [interpret.understand(message) for message in messages]
