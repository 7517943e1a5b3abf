"""Hands notices over to emr-bridge by an event: no network, so one transaction does it all."""

from dataclasses import dataclass, field
from datetime import datetime

from common import outbox, tracing
from common.database import Transaction
from common.service import Runtime
from notifications.channels import emr
from notifications.domain.delivery import DeliveryState
from notifications.handlers import send
from notifications.handlers.fail import Failure, give_up
from notifications.handlers.means import Means
from notifications.handlers.send import Outgoing
from notifications.store import deliveries
from notifications.workers.pace import Pace, trace_of

NO_PATIENT = Failure("no_patient")


@dataclass(frozen=True, slots=True)
class EmrWorker:
    """Asks emr-bridge to send what is due; the answer comes back as an event."""

    runtime: Runtime
    means: Means
    pace: Pace = field(default_factory=Pace)

    async def step(self) -> bool:
        """Hand over what is due; return whether there was anything."""
        now, lease, limit = self.runtime.clock(), self.pace.lease, self.pace.limit
        ready = deliveries.ready("emr", now)
        async with self.runtime.db.read() as tx:
            if not await deliveries.any_due(tx, ready, lease=lease, now=now):
                return False
        async with self.runtime.db.begin() as tx:
            outgoing = await send.begin(
                tx, ready, means=self.means, limit=limit, lease=lease, now=now
            )
            for one in outgoing:
                with tracing.span("hand over to emr-bridge", **trace_of(one.delivery)):
                    await self._hand_over(tx, one, now=now)
        return bool(outgoing)

    async def _hand_over(self, tx: Transaction, outgoing: Outgoing, *, now: datetime) -> None:
        row = outgoing.delivery
        event = emr.request(outgoing.parcel, sealer=self.means.sealer, now=now)
        if event is None:
            await give_up(tx, row["id"], NO_PATIENT, means=self.means, now=now)
            return
        await outbox.append(tx, event, now=now)
        await deliveries.move(tx, row["id"], DeliveryState.SUBMITTED)
