"""Claim what may or may not have gone out, so that it is looked up before it is sent again."""

from datetime import datetime, timedelta

from sqlalchemy import RowMapping

from common.database import Transaction
from common.events.notification import ChannelName
from notifications.domain.delivery import DeliveryState
from notifications.store import deliveries


async def begin(
    tx: Transaction, channel: ChannelName, *, limit: int, lease: timedelta, now: datetime
) -> list[RowMapping]:
    """Hold deliveries whose last attempt left no answer, or whose sender has vanished."""
    due = deliveries.abandoned(channel, now)
    held = await deliveries.claim(tx, due, limit=limit, lease=lease, now=now)
    for row in held:
        await deliveries.write_held(tx, row, state=DeliveryState.UNKNOWN)
    return held
