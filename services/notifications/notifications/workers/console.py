"""Shows notices on the console, for development."""

from dataclasses import dataclass, field

from common.service import Runtime
from notifications.channels.console import Console
from notifications.handlers import look_up, receipts, send
from notifications.handlers.means import Means
from notifications.store import deliveries
from notifications.workers.pace import Pace


@dataclass(frozen=True, slots=True)
class ConsoleWorker:
    """Shows what is due; what was shown is confirmed."""

    runtime: Runtime
    means: Means
    console: Console
    pace: Pace = field(default_factory=Pace)

    async def step(self) -> bool:
        """Show what is due; return whether there was anything."""
        now = self.runtime.clock()
        async with self.runtime.db.read() as tx:
            due = deliveries.ready("console", now) | deliveries.abandoned("console", now)
            if not await deliveries.any_due(tx, due, now=now):
                return False
        pace = {"limit": self.pace.limit, "lease": self.pace.lease}
        async with self.runtime.db.begin() as tx:
            lost = await look_up.begin(tx, "console", now=now, **pace)
            for held in lost:
                await receipts.arrived(tx, held, now=now)
            outgoing = await send.begin(tx, "console", means=self.means, now=now, **pace)
        for one in outgoing:
            self.console.show(one.parcel)
            async with self.runtime.db.begin() as tx:
                await receipts.arrived(tx, one.delivery, now=self.runtime.clock())
        return True
