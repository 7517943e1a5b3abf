"""Which messages were taken as submissions already: a message is taken once."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from common.database import Transaction
from common.rows import add_new
from intake.store.tables import submissions as table


async def first_sight(
    tx: Transaction, messages: Collection[tuple[str, UUID]], *, now: datetime
) -> set[UUID]:
    """Note messages (door, id); return those that were not noted before."""
    rows = [{"door": door, "message_id": one, "received_at": now} for door, one in messages]
    return await add_new(tx, (table, rows), "message_id")
