"""Which events a service has handled: one row each, written in the transaction of their effect."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from common.database import Transaction
from common.rows import add_new
from common.tables import inbox


async def first_sight(tx: Transaction, events: Mapping[UUID, str], *, now: datetime) -> set[UUID]:
    """Note events (id -> topic) as handled; return those that were not yet."""
    rows = [
        {"event_id": event_id, "topic": topic, "handled_at": now}
        for event_id, topic in events.items()
    ]
    return await add_new(tx, (inbox, rows), "event_id")
