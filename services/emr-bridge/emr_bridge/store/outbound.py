"""Messages to EMRs: queued, built once, and every attempt to send them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, and_, exists, insert, select, update

from common import tracing
from common.database import Transaction, insert_new
from emr_bridge.domain.outgoing import APPOINTMENT, OPEN, OutState
from emr_bridge.store.tables import links, outbound, outbound_attempts, outbound_revisions

MOST_OVERDUE = 100


async def add(tx: Transaction, rows: Sequence[dict[str, Any]]) -> bool:
    """Queue the messages of a delivery, in order; False when it is queued already."""
    given: dict[str, Any] = {"withdrawn": False, "attempts": 0, "tries": 0, "revision": 0}
    given |= {"traceparent": tracing.current()}
    added = 0
    for row in rows:
        result = await tx.execute(insert_new(tx, outbound).values(given | row))
        added += result.rowcount
    return added == len(rows)


async def of_delivery(tx: Transaction, delivery_id: UUID) -> list[RowMapping]:
    """Return the messages of a delivery, in order, kept from others until the commit."""
    mine = select(outbound).where(outbound.c.delivery_id == delivery_id)
    rows = await tx.execute(mine.order_by(outbound.c.id).with_for_update())
    return list(rows.mappings())


def has_due(now: datetime) -> ColumnElement[bool]:
    """Return the condition for links that have something to send now, and are not resting."""
    rested = links.c.next_attempt_at.is_(None) | (links.c.next_attempt_at <= now)
    waiting = exists().where(outbound.c.link_id == links.c.id, _is_due(now))
    return and_(rested, waiting)


async def any_due(tx: Transaction, now: datetime) -> bool:
    """Tell, without queueing behind writers, whether any link has something to send now."""
    return await tx.scalar(select(links.c.id).where(has_due(now)).limit(1)) is not None


async def next_due(tx: Transaction, link_id: str, token: UUID, now: datetime) -> RowMapping | None:
    """Return the oldest message of a link that is due and has none of its referral before it.

    What is being sent under `token` is on its way; under another it was left there by a process that died.
    """
    earlier = outbound.alias("earlier")
    first_of_referral = ~exists().where(
        earlier.c.referral_id == outbound.c.referral_id,
        earlier.c.state.in_(OPEN),
        earlier.c.id < outbound.c.id,
    )
    on_its_way = (outbound.c.state == OutState.SENDING) & (outbound.c.lease_token == token)
    mine = select(outbound).where(outbound.c.link_id == link_id, _is_due(now), first_of_referral)
    rows = await tx.execute(mine.where(~on_its_way).order_by(outbound.c.id).limit(1))
    return rows.mappings().first()


async def write(
    tx: Transaction, row: RowMapping, values: dict[str, Any], *, state: OutState
) -> bool:
    """Change a message that is still in that state under the same lease; False otherwise."""
    mine = (outbound.c.id == row["id"]) & (outbound.c.state == state)
    held = (
        outbound.c.lease_token.is_(None)
        if row["lease_token"] is None
        else outbound.c.lease_token == row["lease_token"]
    )
    written = await tx.execute(update(outbound).where(mine, held).values(values))
    return written.rowcount == 1


async def get(tx: Transaction, outbound_id: UUID) -> RowMapping:
    """Return a message as it is now."""
    return (await tx.execute(select(outbound).where(outbound.c.id == outbound_id))).mappings().one()


async def find(tx: Transaction, outbound_id: UUID) -> RowMapping | None:
    """Return a message, kept from others until the commit; None when there is none."""
    mine = select(outbound).where(outbound.c.id == outbound_id)
    return (await tx.execute(mine.with_for_update())).mappings().first()


async def by_control_id(tx: Transaction, control_id: str) -> RowMapping | None:
    """Return the message that an answer names (MSH-10), kept from others until the commit."""
    mine = select(outbound).where(outbound.c.control_id == control_id)
    return (await tx.execute(mine.with_for_update())).mappings().first()


async def get_held(tx: Transaction, row: RowMapping) -> RowMapping | None:
    """Return a message as it is now, if it is still being sent under the same lease."""
    same = (outbound.c.id == row["id"]) & (outbound.c.lease_token == row["lease_token"])
    mine = select(outbound).where(same, outbound.c.state == OutState.SENDING)
    return (await tx.execute(mine.with_for_update())).mappings().first()


async def any_overdue(tx: Transaction, now: datetime) -> bool:
    """Tell whether an application has not answered in time."""
    return await tx.scalar(select(outbound.c.id).where(_is_overdue(now)).limit(1)) is not None


async def overdue(tx: Transaction, now: datetime) -> list[RowMapping]:
    """Return messages whose application has not answered in time, kept from others."""
    late = select(outbound).where(_is_overdue(now)).order_by(outbound.c.id).limit(MOST_OVERDUE)
    return list((await tx.execute(late.with_for_update(skip_locked=True))).mappings())


async def begin_attempt(tx: Transaction, values: dict[str, Any]) -> None:
    """Note that an attempt begins."""
    await tx.execute(insert(outbound_attempts).values(values))


async def end_attempt(tx: Transaction, attempt_id: UUID, values: dict[str, Any]) -> None:
    """Note how an attempt ended."""
    mine = outbound_attempts.c.id == attempt_id
    await tx.execute(update(outbound_attempts).where(mine).values(values))


async def give_up_rest(tx: Transaction, delivery_id: UUID, now: datetime) -> None:
    """End what else belongs to a delivery whose report did not get through."""
    rest = (outbound.c.delivery_id == delivery_id) & outbound.c.state.in_(OPEN)
    ended = {"state": OutState.GIVEN_UP, "ended_at": now}
    await tx.execute(update(outbound).where(rest).values(ended))


async def take_up_rest(tx: Transaction, delivery_id: UUID, now: datetime) -> None:
    """Queue again what was given up with a report that is sent once more."""
    rest = (outbound.c.delivery_id == delivery_id) & (outbound.c.state == OutState.GIVEN_UP)
    again = {"state": OutState.WAITING, "ended_at": None, "next_attempt_at": now}
    await tx.execute(update(outbound).where(rest).values(again | {"replayed_at": now}))


async def keep_revision(tx: Transaction, row: RowMapping, *, by: str, now: datetime) -> None:
    """Keep what a message said before somebody edited it."""
    values = {
        "outbound_id": row["id"],
        "number": row["revision"],
        "control_id": row["control_id"],
        "message": row["message"],
        "replaced_at": now,
        "replaced_by": by,
    }
    await tx.execute(insert(outbound_revisions).values(values))


async def booked_before(tx: Transaction, row: RowMapping) -> dict[str, Any] | None:
    """Return the appointment of a referral that its EMR was told of last before this message."""
    told = (outbound.c.part == APPOINTMENT) & (outbound.c.state == OutState.DELIVERED)
    mine = (outbound.c.referral_id == row["referral_id"]) & (outbound.c.id < row["id"])
    last = select(outbound.c.request).where(told, mine, outbound.c.link_id == row["link_id"])
    request = await tx.scalar(last.order_by(outbound.c.id.desc()).limit(1))
    return request["appointment"] if request else None


def _is_due(now: datetime) -> ColumnElement[bool]:
    return outbound.c.state.in_(OPEN) & (outbound.c.next_attempt_at <= now)


def _is_overdue(now: datetime) -> ColumnElement[bool]:
    return (outbound.c.state == OutState.COMMITTED) & (outbound.c.next_attempt_at <= now)
