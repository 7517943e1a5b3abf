"""Which messages were taken as submissions already: a message is taken once."""

from datetime import datetime
from uuid import UUID

from common.database import Transaction, insert_new
from intake.store.tables import submissions as table


async def first_sight(tx: Transaction, door: str, message_id: UUID, *, now: datetime) -> bool:
    """Note a message; return whether it was not noted before."""
    row = {"door": door, "message_id": message_id, "received_at": now}
    result = await tx.execute(insert_new(tx, table).values(row))
    return result.rowcount == 1
