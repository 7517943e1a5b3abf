"""Loops beside the API: each does what is due, then waits to be woken or for its interval."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from common.signals import Signal


@dataclass(frozen=True, slots=True)
class Worker:
    """A named loop; the runner starts it again, with back-off, when it raises."""

    name: str
    run: Callable[[], Awaitable[None]]


REST_SECONDS = 0.1
"""How long a loop that found nothing lets others work before it looks again, however often it is woken."""


async def poll(
    step: Callable[[], Awaitable[bool]],
    *,
    wake: Signal,
    every: float,
    rest: float = REST_SECONDS,
) -> None:
    """Repeat `step` while it returns True; then wait for the signal or `every` seconds; for ever.

    Every commit wakes every loop of a service, and most are none of its business: after a look that
    found nothing the next is at least `rest` seconds later. 0 where an event waits for this loop.
    """
    loop = asyncio.get_running_loop()
    while True:
        seen = wake.count
        if await step():
            continue
        again = loop.time() + rest
        if await wake.wait(every, since=seen) and (pause := again - loop.time()) > 0:
            await asyncio.sleep(pause)
