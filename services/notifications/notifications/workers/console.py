"""Shows notices on the console, for development."""

from dataclasses import dataclass, field

from common import tracing
from common.service import Runtime
from notifications.channels.console import Console
from notifications.handlers import receipts
from notifications.handlers.means import Means
from notifications.workers.claiming import take_abandoned, take_ready
from notifications.workers.pace import Pace, trace_of


@dataclass(frozen=True, slots=True)
class ConsoleWorker:
    """Shows what is due; what was shown is confirmed."""

    runtime: Runtime
    means: Means
    console: Console
    pace: Pace = field(default_factory=Pace)

    async def step(self) -> bool:
        """Show what is due; return whether there was anything."""
        lost = await take_abandoned(self.runtime, "console", pace=self.pace)
        outgoing = await take_ready(self.runtime, "console", means=self.means, pace=self.pace)
        for one in outgoing:
            self.console.show(one.parcel)
        for held in (*lost, *(one.delivery for one in outgoing)):
            with tracing.span("show on console", **trace_of(held)):
                async with self.runtime.db.begin() as tx:
                    await receipts.arrived(tx, held, now=self.runtime.clock())
        return bool(lost or outgoing)
