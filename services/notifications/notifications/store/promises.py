"""Promises: rows with their clocks, so that a restart loses none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select, update

from common.database import Transaction
from common.events.clinic import PromiseKind
from common.ids import new_id
from common.rows import insert_all
from notifications.domain.promise import RUNNING, Deadline, PromiseState, sources
from notifications.store.notices import Notice
from notifications.store.tables import promises


@dataclass(frozen=True, slots=True)
class NewPromise:
    """A promise about to be written, and the notice that shall keep it."""

    notice: Notice
    kind: PromiseKind
    deadline: Deadline


async def add_all(tx: Transaction, new: Sequence[NewPromise]) -> list[dict[str, Any]]:
    """Write promises; return them by their columns."""
    rows = [_row(one) for one in new]
    await insert_all(tx, (promises, rows))
    return rows


def _row(new: NewPromise) -> dict[str, Any]:
    notice, deadline = new.notice, new.deadline
    return {
        "id": new_id(),
        "notice_id": notice["id"],
        "referral_id": notice["referral_id"],
        "clinic_id": notice["clinic_id"],
        "kind": new.kind,
        "state": PromiseState.OPEN,
        "started_at": deadline.started_at,
        "at_risk_at": deadline.at_risk_at,
        "due_at": deadline.due_at,
    }


async def move(
    tx: Transaction, promise_id: UUID, to: PromiseState, **times: datetime
) -> RowMapping | None:
    """Move a promise where the table of moves allows it; None when it had moved on before."""
    movable = (promises.c.id == promise_id) & promises.c.state.in_(sources(to))
    moved = update(promises).where(movable).values(state=to, **times).returning(*promises.c)
    return (await tx.execute(moved)).mappings().one_or_none()


async def find(tx: Transaction, promise_id: UUID) -> RowMapping | None:
    """Return a promise's row, or None."""
    query = select(promises).where(promises.c.id == promise_id)
    return (await tx.execute(query)).mappings().one_or_none()


async def of_notice(tx: Transaction, notice_id: UUID) -> Sequence[RowMapping]:
    """Return the promises that a notice shall keep, locked until the transaction ends."""
    query = select(promises).where(promises.c.notice_id == notice_id).with_for_update()
    return (await tx.execute(query.order_by(promises.c.id))).mappings().all()


async def is_pressing(tx: Transaction, notice_id: UUID) -> bool:
    """Return whether a promise of the notice is at risk, or broken and still to be made good."""
    pressing = promises.c.state.in_((PromiseState.AT_RISK, PromiseState.BROKEN))
    query = select(promises.c.id).where(promises.c.notice_id == notice_id, pressing).limit(1)
    return await tx.scalar(query) is not None


async def deliver_late(tx: Transaction, promise_id: UUID, *, at: datetime) -> None:
    """Record beside a broken promise that the clinic was told in the end."""
    mine = (promises.c.id == promise_id) & promises.c.delivered_at.is_(None)
    await tx.execute(update(promises).where(mine).values(delivered_at=at))


async def hand_over(tx: Transaction, notice_id: UUID, *, to: UUID) -> None:
    """Let a newer notice keep what this one owed: the deadlines stay as they are."""
    mine = (promises.c.notice_id == notice_id) & (promises.c.state != PromiseState.KEPT)
    await tx.execute(update(promises).where(mine).values(notice_id=to))


async def passing(tx: Transaction, to: PromiseState, *, limit: int, now: datetime) -> list[UUID]:
    """Return promises whose time has come to be at risk or broken, the longest overdue first."""
    when = promises.c.at_risk_at if to is PromiseState.AT_RISK else promises.c.due_at
    awaited = promises.c.state.in_(sources(to) & RUNNING)
    query = select(promises.c.id).where(awaited, when <= now).order_by(when).limit(limit)
    return list((await tx.execute(query)).scalars())


def facts(row: RowMapping | Mapping[str, Any], occurred_at: datetime) -> dict[str, object]:
    """Return the fields that every promise event has."""
    shared = ("referral_id", "clinic_id", "notice_id", "kind", "started_at", "due_at")
    return {name: row[name] for name in shared} | {
        "promise_id": row["id"],
        "occurred_at": occurred_at,
    }
