"""A read copy of what became of each delivery; notifications stays the owner."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select

from common.database import Transaction
from intake.store import copies
from intake.store.tables import deliveries as table

PUT = copies.put_of(table)


async def put_all(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write how deliveries ended; the latest word counts, as a delivery may be sent again."""
    await copies.put_all(tx, PUT, rows)


async def of(tx: Transaction, referral_id: UUID) -> list[RowMapping]:
    """Return a referral's deliveries in the order in which they ended."""
    query = select(table).where(table.c.referral_id == referral_id)
    return list((await tx.execute(query.order_by(table.c.ended_at, table.c.id))).mappings())
