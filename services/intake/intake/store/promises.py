"""A read copy of what notifications owes; notifications stays the owner."""

from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select, update

from common.database import Transaction, insert_new
from intake.store.tables import promises as table

ENDED = ("kept", "broken")


async def put(tx: Transaction, row: dict[str, Any]) -> None:
    """Write a promise's fate; one that has ended stays as it ended.

    But one that was broken may turn out to be kept: the clinic had the notice in time.
    """
    result = await tx.execute(insert_new(tx, table).values(row))
    if result.rowcount == 0 and row["state"] != "promised":
        final = ("kept",) if row["state"] == "kept" else ENDED
        open_to_this = (table.c.id == row["id"]) & table.c.state.not_in(final)
        await tx.execute(update(table).where(open_to_this).values(row))


async def of(tx: Transaction, referral_id: UUID) -> list[RowMapping]:
    """Return a referral's promises in the order in which they were given."""
    query = select(table).where(table.c.referral_id == referral_id)
    ordered = query.order_by(table.c.started_at, table.c.id)
    return list((await tx.execute(ordered)).mappings())
