"""Posts webhooks that are due, side by side: a slow endpoint holds up nobody else's.

Endpoints know repeats by `webhook-id`, so an abandoned one is sent again.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import RowMapping

from common import metrics, tracing
from common.clock import utc_now
from common.service import Runtime
from common.tracing import Kind
from notifications.channels.webhook import Accepted, Rejected, WebhookSender, next_attempt
from notifications.handlers import receipts
from notifications.handlers.fail import Failure
from notifications.handlers.means import Means
from notifications.handlers.send import Outgoing
from notifications.workers.claiming import take_abandoned, take_webhooks
from notifications.workers.flights import Flights, endpoint_of
from notifications.workers.pace import Pace, retry_at, trace_of

JITTER = 0.1
"""Up to this part is added to a wait, so that many who failed together do not come back together."""

INTERRUPTED = Failure("interrupted")


@dataclass(frozen=True, slots=True)
class WebhookWorker:
    """Claims webhooks that are due, posts them and records the answers; one per process."""

    runtime: Runtime
    means: Means
    sender: WebhookSender
    pace: Pace = field(default_factory=Pace)
    draw: Callable[[], float] = random.random
    flights: Flights = field(default_factory=Flights)

    async def step(self) -> bool:
        """Begin to post what is due, without waiting for answers; return whether there was anything."""
        await self.flights.reap()
        await self._recover()
        outgoing = await take_webhooks(
            self.runtime, self.flights, means=self.means, lease=self.pace.lease
        )
        for one in outgoing:
            self.flights.launch(self._send(one), endpoint_of(one.parcel.destination))
        return bool(outgoing)

    async def _recover(self) -> None:
        """Queue again what a vanished worker was posting."""
        for held in await take_abandoned(self.runtime, "webhook", pace=self.pace):
            now = self.runtime.clock()
            with tracing.span("recover webhook", **trace_of(held)):
                async with self.runtime.db.begin() as tx:
                    await receipts.failed(
                        tx, held, INTERRUPTED, again_at=now, means=self.means, now=now
                    )

    async def _send(self, outgoing: Outgoing) -> None:
        about = trace_of(outgoing.delivery)
        with tracing.span("post webhook", kind=Kind.CLIENT, **about) as span:
            answer = await self.sender.post(outgoing.parcel, now=utc_now())
            span.note(outcome=type(answer).__name__.lower(), code=answer.code)
            await self._record(outgoing, answer)

    async def _record(self, outgoing: Outgoing, answer: Accepted | Rejected) -> None:
        metrics.delivery_attempts.labels("webhook", type(answer).__name__.lower()).inc()
        now = self.runtime.clock()
        async with self.runtime.db.begin() as tx:
            if isinstance(answer, Accepted):
                await receipts.arrived(tx, outgoing.delivery, now=now)
                return
            at = self._again_at(outgoing.delivery, answer, now=now)
            failure = Failure(answer.reason, answer.code)
            await receipts.failed(
                tx, outgoing.delivery, failure, again_at=at, means=self.means, now=now
            )

    def _again_at(self, held: RowMapping, answer: Rejected, *, now: datetime) -> datetime | None:
        delay = None if answer.final else next_attempt(held["attempts"])
        if delay is None:
            return None
        at = retry_at(held["first_attempt_at"], delay * (1 + JITTER * self.draw()), now=now)
        return max(at, now + answer.wait) if at and answer.wait else at
