"""Rows that several workers share: whoever claims a row holds it for a lease, by a token.

A table that is shared has the columns `id`, `lease_token` and `leased_until`. What a worker writes
afterwards must match its token, so that one whose lease ran out changes nothing.

Leases are by the wall clock, and clocks are put right: one that was taken while the clock was hours
ahead would block its row for hours. So a lease that ends later than any could that is taken now is free
too; the clocks of two replicas may differ by as much as a lease lasts before one takes what the other holds.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Table, or_, select, update

from common.database import Transaction
from common.errors import ConcurrentUpdate
from common.ids import new_id


def is_free(table: Table, *, lease: timedelta, now: datetime) -> ColumnElement[bool]:
    """Return which rows nobody holds: never leased, past the lease, or leased by a clock that ran ahead."""
    until = table.c.leased_until
    return or_(until.is_(None), until < now, until > now + 2 * lease)


async def claim(
    tx: Transaction,
    table: Table,
    *,
    due: ColumnElement[bool],
    order_by: Sequence[ColumnElement[Any]],
    limit: int,
    lease: timedelta,
    now: datetime,
) -> list[RowMapping]:
    """Lease up to `limit` rows that are due and that nobody holds; return them as they are now."""
    free = is_free(table, lease=lease, now=now)
    chosen = select(table.c.id).where(due, free).order_by(*order_by).limit(limit)
    # A CTE: PostgreSQL may run a plain subquery once per row, and then lease more than `limit`.
    once = chosen.with_for_update(skip_locked=True).cte("chosen")
    held = {"lease_token": new_id(), "leased_until": now + lease}
    taken = update(table).where(table.c.id.in_(select(once.c.id))).values(held)
    rows = list((await tx.execute(taken.returning(*table.c))).mappings())
    ids = [row["id"] for row in rows]
    if len(rows) < 2:
        return rows
    again = select(table).where(table.c.id.in_(ids)).order_by(*order_by)
    return list((await tx.execute(again)).mappings())


async def write_held(
    tx: Transaction, table: Table, held: RowMapping, values: dict[str, Any], *, keep: bool = False
) -> None:
    """Write to a row that is held, and let it go unless `keep`; ConcurrentUpdate if the lease was lost."""
    free = {} if keep else {"lease_token": None, "leased_until": None}
    mine = (table.c.id == held["id"]) & (table.c.lease_token == held["lease_token"])
    written = await tx.execute(update(table).where(mine).values(values | free))
    if written.rowcount != 1:
        raise ConcurrentUpdate(f"the lease on a row of {table.name} was lost")
