"""Look, then claim: an idle worker only reads, so that its commit does not wake all others."""

from datetime import timedelta

from sqlalchemy import ColumnElement, RowMapping

from common.events.notification import ChannelName
from common.service import Runtime
from notifications.handlers import look_up, send
from notifications.handlers.means import Means
from notifications.handlers.send import Outgoing
from notifications.store import deliveries
from notifications.workers.flights import Flights, endpoint_of
from notifications.workers.pace import Pace


async def take_ready(
    runtime: Runtime, channel: ChannelName, *, means: Means, pace: Pace
) -> list[Outgoing]:
    """Hold and return the attempts that may leave now."""
    now = runtime.clock()
    ready = deliveries.ready(channel, now)
    if not await _any(runtime, ready, pace):
        return []
    async with runtime.db.begin() as tx:
        return await send.begin(tx, ready, means=means, limit=pace.limit, lease=pace.lease, now=now)


async def take_webhooks(
    runtime: Runtime, flights: Flights, *, means: Means, lease: timedelta
) -> list[Outgoing]:
    """Hold and return the webhooks for which there is room, in all and at their endpoint."""
    now, each = runtime.clock(), flights.bounds.per_endpoint
    ready = deliveries.ready("webhook", now)
    async with runtime.db.read() as tx:
        waiting = await deliveries.to_endpoints(tx, ready, each=each, lease=lease, now=now)
    chosen = flights.choose((row["id"], endpoint_of(row["url"])) for row in waiting)
    if not chosen:
        return []
    async with runtime.db.begin() as tx:
        these = ready & deliveries.is_one_of(chosen)
        return await send.begin(tx, these, means=means, limit=len(chosen), lease=lease, now=now)


async def take_abandoned(runtime: Runtime, channel: ChannelName, *, pace: Pace) -> list[RowMapping]:
    """Hold and return deliveries of which nobody knows whether the last attempt went out."""
    now = runtime.clock()
    if not await _any(runtime, deliveries.abandoned(channel, now), pace):
        return []
    async with runtime.db.begin() as tx:
        return await look_up.begin(tx, channel, limit=pace.limit, lease=pace.lease, now=now)


async def take_submitted(runtime: Runtime, channel: ChannelName, *, pace: Pace) -> list[RowMapping]:
    """Hold and return deliveries that the gateway has and is to be asked about now."""
    now = runtime.clock()
    due = deliveries.to_ask_about(channel, now)
    if not await _any(runtime, due, pace):
        return []
    async with runtime.db.begin() as tx:
        return await deliveries.claim(tx, due, limit=pace.limit, lease=pace.lease, now=now)


async def _any(runtime: Runtime, due: ColumnElement[bool], pace: Pace) -> bool:
    async with runtime.db.read() as tx:
        return await deliveries.any_due(tx, due, lease=pace.lease, now=runtime.clock())
