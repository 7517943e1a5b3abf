"""Loops beside the API: each does what is due, then waits to be woken or for its interval."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from common.signals import Signal


@dataclass(frozen=True, slots=True)
class Worker:
    """A named loop; the runner starts it again, with back-off, when it raises."""

    name: str
    run: Callable[[], Awaitable[None]]


async def poll(step: Callable[[], Awaitable[bool]], *, wake: Signal, every: float) -> None:
    """Repeat `step` while it returns True; then wait for the signal or `every` seconds; for ever."""
    while True:
        seen = wake.count
        if not await step():
            await wake.wait(every, since=seen)
