"""Which messages were taken as submissions already: a message is taken once."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from common.database import Transaction, insert_new
from intake.store.tables import submissions as table


async def first_sight(
    tx: Transaction, messages: Collection[tuple[str, UUID]], *, now: datetime
) -> set[UUID]:
    """Note messages (door, id); return those that were not noted before."""
    rows = [{"door": door, "message_id": one, "received_at": now} for door, one in messages]
    noted = await tx.execute(insert_new(tx, table).returning(table.c.message_id), rows)
    return set(noted.scalars())
