"""What a worker has on its way: so many at once in all, and so many to one endpoint.

Work goes on while the worker looks for more, so that one slow endpoint holds up only itself.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

Waiting = tuple[UUID, str]
"""A delivery that is due, and its endpoint."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many may be on their way at once, and of these to one endpoint."""

    at_once: int = 50
    per_endpoint: int = 4


@dataclass(slots=True)
class Flights:
    """The pieces of work that are on their way, each to its endpoint."""

    bounds: Bounds = field(default_factory=Bounds)
    _under_way: dict[asyncio.Task[None], str] = field(default_factory=dict)

    def choose(self, waiting: Iterable[Waiting]) -> list[UUID]:
        """Return which of these may go now, the first ones first: no endpoint takes all the room."""
        busy = Counter(self._under_way.values())
        room, chosen = self.bounds.at_once - len(self._under_way), list[UUID]()
        for delivery_id, endpoint in waiting:
            if len(chosen) < room and busy[endpoint] < self.bounds.per_endpoint:
                busy[endpoint] += 1
                chosen.append(delivery_id)
        return chosen

    def launch(self, work: Coroutine[Any, Any, None], endpoint: str) -> None:
        """Begin a piece of work and do not wait for it."""
        self._under_way[asyncio.create_task(work)] = endpoint

    async def reap(self) -> None:
        """Forget what has ended; of what failed raise the first, when all the rest has ended too."""
        ended = [task for task in self._under_way if task.done()]
        if any(task.exception() for task in ended if not task.cancelled()):
            await self.land()
        for task in ended:
            del self._under_way[task]

    async def land(self) -> None:
        """Wait until all has ended; raise the first failure."""
        tasks = list(self._under_way)
        self._under_way.clear()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    async def abandon(self) -> None:
        """Stop what is on its way: whoever finds its lease run out takes it up."""
        tasks = list(self._under_way)
        self._under_way.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def endpoint_of(url: str | None) -> str:
    """Return what is slow or quick as one: the host and port of a URL, whoever's clinic it serves.

    A text that is no URL is an endpoint of its own: it is refused when it is posted to, and holds up
    no other.
    """
    try:
        return urlsplit(url or "").netloc.lower()
    except ValueError:
        return url or ""
