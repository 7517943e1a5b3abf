"""Which events a service has handled: one row each, written in the transaction of their effect."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from common.database import Transaction, insert_new
from common.tables import inbox


async def first_sight(
    tx: Transaction, events: Mapping[UUID, str], *, now: datetime
) -> frozenset[UUID]:
    """Note events (id -> topic) as handled; return those that were not yet."""
    if not events:
        return frozenset()
    rows = [
        {"event_id": event_id, "topic": topic, "handled_at": now}
        for event_id, topic in events.items()
    ]
    new = insert_new(tx, inbox).values(rows).returning(inbox.c.event_id)
    return frozenset((await tx.execute(new)).scalars())
