"""A read copy of what became of each delivery; notifications stays the owner."""

from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select, update

from common.database import Transaction, insert_new
from intake.store.tables import deliveries as table


async def put(tx: Transaction, row: dict[str, Any]) -> None:
    """Write how a delivery ended; the latest word counts, as a delivery may be sent again."""
    result = await tx.execute(insert_new(tx, table).values(row))
    if result.rowcount == 0:
        await tx.execute(update(table).where(table.c.id == row["id"]).values(row))


async def of(tx: Transaction, referral_id: UUID) -> list[RowMapping]:
    """Return a referral's deliveries in the order in which they ended."""
    query = select(table).where(table.c.referral_id == referral_id)
    return list((await tx.execute(query.order_by(table.c.ended_at, table.c.id))).mappings())
