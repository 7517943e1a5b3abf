"""Looks at the clock: promises at risk, promises broken, and "still pending" that is due."""

from dataclasses import dataclass, field
from uuid import UUID

from common.service import Runtime
from notifications.domain.promise import PromiseState
from notifications.handlers import keep
from notifications.handlers.means import Means
from notifications.store import heartbeats, promises
from notifications.workers.pace import Pace


@dataclass(frozen=True, slots=True)
class Timekeeper:
    """Each thing that falls due is one transaction, so that one failure holds up nothing else."""

    runtime: Runtime
    means: Means
    pace: Pace = field(default_factory=Pace)

    async def step(self) -> bool:
        """Do what has fallen due; return whether there was anything.

        At risk comes before broken, so that a promise whose whole time passed while nobody looked
        still gets its next channel.
        """
        endangered = await self._passing(PromiseState.AT_RISK)
        for promise_id in endangered:
            async with self.runtime.db.begin() as tx:
                await keep.endanger(tx, promise_id, means=self.means, now=self.runtime.clock())
        broken = await self._passing(PromiseState.BROKEN)
        for promise_id in broken:
            async with self.runtime.db.begin() as tx:
                await keep.break_promise(tx, promise_id, now=self.runtime.clock())
        return await self._beat() or bool(endangered or broken)

    async def _passing(self, to: PromiseState) -> list[UUID]:
        limit, now = self.pace.limit, self.runtime.clock()
        async with self.runtime.db.read() as tx:
            return await promises.passing(tx, to, limit=limit, now=now)

    async def _beat(self) -> bool:
        limit, now = self.pace.limit, self.runtime.clock()
        async with self.runtime.db.read() as tx:
            due = await heartbeats.due(tx, limit=limit, now=now)
        for authorization_id in due:
            async with self.runtime.db.begin() as tx:
                await keep.say_still_pending(
                    tx, authorization_id, means=self.means, now=self.runtime.clock()
                )
        return bool(due)
