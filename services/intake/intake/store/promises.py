"""A read copy of what notifications owes; notifications stays the owner."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, and_, or_, select

from common.database import Transaction
from intake.store import copies
from intake.store.tables import promises as table


def _may_follow(new: Any) -> ColumnElement[bool]:
    """One that has ended stays as it ended; but one that was broken may turn out to be kept."""
    state = table.c.state
    goes_on = or_(state != "broken", new.state == "kept")
    return and_(new.state != "promised", state != "kept", goes_on)


PUT = copies.put_of(table, _may_follow)


async def put_all(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the fates of promises, in the order in which they were told."""
    await copies.put_all(tx, PUT, rows)


async def of(tx: Transaction, referral_id: UUID) -> list[RowMapping]:
    """Return a referral's promises in the order in which they were given."""
    query = select(table).where(table.c.referral_id == referral_id)
    ordered = query.order_by(table.c.started_at, table.c.id)
    return list((await tx.execute(ordered)).mappings())
