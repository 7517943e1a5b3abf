"""Attempts: each try of a delivery, when it began and what came back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, insert, select, update

from common.database import Transaction
from common.ids import new_id
from notifications.store.tables import attempts


async def begin(tx: Transaction, delivery_id: UUID, number: int, *, now: datetime) -> UUID:
    """Record that an attempt begins, before anything leaves; its id travels with what leaves."""
    attempt_id = new_id()
    row = {"id": attempt_id, "delivery_id": delivery_id, "number": number, "started_at": now}
    await tx.execute(insert(attempts).values(row))
    return attempt_id


async def note(tx: Transaction, attempt_id: UUID, **values: Any) -> None:
    """Record what is known of an attempt so far."""
    await tx.execute(update(attempts).where(attempts.c.id == attempt_id).values(values))


async def end(
    tx: Transaction, attempt_id: UUID | None, outcome: str, *, now: datetime, **values: Any
) -> None:
    """Record how an attempt ended; an end is written once."""
    if attempt_id is None:
        return
    open_one = (attempts.c.id == attempt_id) & attempts.c.ended_at.is_(None)
    ended = values | {"ended_at": now, "outcome": outcome}
    await tx.execute(update(attempts).where(open_one).values(ended))


async def get(tx: Transaction, attempt_id: UUID) -> RowMapping:
    """Return an attempt's row."""
    query = select(attempts).where(attempts.c.id == attempt_id)
    return (await tx.execute(query)).mappings().one()


async def began_at(tx: Transaction, attempt_id: UUID | None) -> datetime | None:
    """Return when an attempt began; None when there was none."""
    query = select(attempts.c.started_at).where(attempts.c.id == attempt_id)
    return await tx.scalar(query)


async def of_delivery(tx: Transaction, delivery_id: UUID) -> Sequence[RowMapping]:
    """Return a delivery's attempts in their order."""
    query = select(attempts).where(attempts.c.delivery_id == delivery_id)
    return (await tx.execute(query.order_by(attempts.c.number))).mappings().all()


async def to_forget(tx: Transaction, *, limit: int, now: datetime) -> Sequence[RowMapping]:
    """Return ended attempts whose pages a gateway may still keep, and may be asked to delete now."""
    kept = attempts.c.gateway_id.is_not(None) & attempts.c.ended_at.is_not(None)
    due = attempts.c.forget_at.is_(None) | (attempts.c.forget_at <= now)
    query = select(attempts).where(kept, due, attempts.c.forgotten_at.is_(None))
    return (await tx.execute(query.order_by(attempts.c.ended_at).limit(limit))).mappings().all()
