"""Looks at the clock: promises at risk or broken, "still pending" that is due, events left waiting."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from common.service import Runtime
from notifications.domain.promise import PromiseState
from notifications.handlers import directory, keep
from notifications.handlers.means import Means
from notifications.store import early, heartbeats, promises
from notifications.workers.pace import Pace

Act = Callable[..., Awaitable[None]]
"""A handler of one thing: `(tx, id, *, means, now)`."""


@dataclass(frozen=True, slots=True)
class Timekeeper:
    """Each thing that falls due is one transaction, so that one failure holds up nothing else."""

    runtime: Runtime
    means: Means
    pace: Pace = field(default_factory=Pace)

    async def step(self) -> bool:
        """Do what has fallen due; return whether there was anything.

        All of it is tried before the first failure is raised.
        """
        due = await self._due()
        failures = [error for act, key in due if (error := await self._try(act, key))]
        if failures:
            raise failures[0]
        return bool(due)

    async def _due(self) -> list[tuple[Act, Any]]:
        about: dict[str, Any] = {"limit": self.pace.limit, "now": self.runtime.clock()}
        async with self.runtime.db.read() as tx:
            return [
                *_each(keep.endanger, await promises.passing(tx, PromiseState.AT_RISK, **about)),
                *_each(
                    keep.break_promise, await promises.passing(tx, PromiseState.BROKEN, **about)
                ),
                *_each(keep.say_still_pending, await heartbeats.due(tx, **about)),
                *_each(directory.tell_early, await early.of_known_clinics(tx)),
            ]

    async def _try(self, act: Act, key: Any) -> Exception | None:
        try:
            async with self.runtime.db.begin() as tx:
                await act(tx, key, means=self.means, now=self.runtime.clock())
        except Exception as error:  # noqa: BLE001 - raised by `step` after the others had their turn
            return error
        return None


def _each(act: Act, keys: Iterable[Any]) -> Iterable[tuple[Act, Any]]:
    return ((act, key) for key in keys)
