"""The loop that reads what was kept."""

import asyncio
from collections.abc import Sequence

from common.service import Runtime
from common.worker import poll
from emr_bridge.handlers import interpret
from emr_bridge.handlers.interpret import Understood, Waiting

INTERVAL_SECONDS = 1.0
"""How often a loop looks without being woken."""


async def interpreter(runtime: Runtime) -> None:
    """Read kept messages until cancelled."""

    async def step() -> bool:
        return await interpret_next(runtime)

    await poll(step, wake=runtime.db.committed, every=INTERVAL_SECONDS)


async def interpret_next(runtime: Runtime) -> bool:
    """Read the oldest messages and record what they became; return whether there were any.

    Reading happens outside the transaction. Two processes may read the same messages: whoever
    records first is believed, the other finds nothing left to record.
    """
    async with runtime.db.read() as tx:
        messages = await interpret.waiting(tx, sealer=runtime.sealer)
    if not messages:
        return False
    understood = await asyncio.to_thread(_understand, messages)
    now = runtime.clock()
    async with runtime.db.begin() as tx:
        for found in understood:
            await interpret.record(tx, found, sealer=runtime.sealer, now=now)
    return True


def _understand(messages: Sequence[Waiting]) -> list[Understood]:
    return [interpret.understand(message) for message in messages]
