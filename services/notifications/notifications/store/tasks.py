"""What a person must do: one open task per cause."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select, update

from common.database import Transaction, insert_new
from common.errors import Conflict, NotFound
from common.ids import new_id
from common.sealing import Sealer
from notifications.store.tables import tasks


class TaskKind(StrEnum):
    """Why a person is needed."""

    PROMISE_BROKEN = "promise_broken"
    CHANNELS_EXHAUSTED = "channels_exhausted"
    NO_ELIGIBLE_CHANNEL = "no_eligible_channel"
    NO_BAA = "no_baa"
    BAD_NUMBER = "bad_number"
    ENDPOINT_GONE = "endpoint_gone"
    FAX_ACCOUNT = "fax_account"
    UNPRINTABLE = "unprintable"
    UNKNOWN_CLINIC = "unknown_clinic"


MOOT_WHEN_TOLD = frozenset({TaskKind.CHANNELS_EXHAUSTED, TaskKind.NO_ELIGIBLE_CHANNEL})
"""Tasks that ask for nothing more once the clinic has the notice."""

SYSTEM = "notifications"


async def add(
    tx: Transaction, kind: TaskKind, key: str, *, now: datetime, **about: Any
) -> UUID | None:
    """Ask a person, unless the same is asked already; `about` names clinic, notice and the like."""
    row = _row(kind, key, now) | about
    added = await tx.execute(insert_new(tx, tasks).values(row))
    return row["id"] if added.rowcount else None


async def add_all(
    tx: Transaction, kind: TaskKind, asked: Mapping[str, Mapping[str, Any]], *, now: datetime
) -> None:
    """Ask a person for each of several keys as `add` does; each says the same about itself."""
    rows = [{**_row(kind, key, now), **about} for key, about in asked.items()]
    if rows:
        await tx.execute(insert_new(tx, tasks), rows)


def _row(kind: TaskKind, key: str, now: datetime) -> dict[str, Any]:
    return {"id": new_id(), "kind": kind, "key": key, "state": "open", "created_at": now}


@dataclass(frozen=True, slots=True)
class Done:
    """Who did what a task asked for, and in which way."""

    by: str
    reason: str | None = None


async def clinic_of(tx: Transaction, task_id: UUID) -> str | None:
    """Return the clinic that a task is about; None: about none, or there is no such task."""
    clinic: str | None = await tx.scalar(select(tasks.c.clinic_id).where(tasks.c.id == task_id))
    return clinic


async def finish(
    tx: Transaction, task_id: UUID, done: Done, *, sealer: Sealer, now: datetime
) -> RowMapping:
    """Mark a task as done; NotFound, or Conflict when it was done before."""
    context = f"notifications.tasks:{task_id}:done_reason"
    sealed = sealer.seal_bytes(done.reason.encode(), context) if done.reason else None
    values = {"state": "done", "done_at": now, "done_by": done.by, "done_reason": sealed}
    open_one = (tasks.c.id == task_id) & (tasks.c.state == "open")
    finished = update(tasks).where(open_one).values(values).returning(*tasks.c)
    row = (await tx.execute(finished)).mappings().one_or_none()
    if row is not None:
        return row
    if await tx.scalar(select(tasks.c.id).where(tasks.c.id == task_id)) is None:
        raise NotFound(f"no task {task_id}")
    raise Conflict("the task is done already")


async def close(tx: Transaction, *where: Any, now: datetime) -> None:
    """Close open tasks whose cause has gone."""
    closed = update(tasks).where(tasks.c.state == "open", *where)
    await tx.execute(closed.values(state="done", done_at=now, done_by=SYSTEM))


async def close_moot(tx: Transaction, notice_id: UUID, *, now: datetime) -> None:
    """Close what was asked for only because the clinic did not have the notice."""
    moot = (tasks.c.notice_id == notice_id) & tasks.c.kind.in_(MOOT_WHEN_TOLD)
    await close(tx, moot, now=now)


async def close_clinic(
    tx: Transaction,
    kind: TaskKind,
    clinic_id: str,
    *,
    but: Collection[str] = (),
    now: datetime,
) -> None:
    """Close a clinic's open tasks of one kind, except those of the causes `but`."""
    mine = (tasks.c.kind == kind) & (tasks.c.clinic_id == clinic_id)
    await close(tx, mine, tasks.c.key.not_in(but), now=now)


async def notices_without_a_way(tx: Transaction, clinic_id: str | None) -> Sequence[UUID]:
    """Return the notices of a clinic, or of all, for which a person was asked as no channel was left."""
    waiting = tasks.c.kind.in_(MOOT_WHEN_TOLD) & (tasks.c.state == "open")
    query = select(tasks.c.notice_id).where(waiting)
    if clinic_id is not None:
        query = query.where(tasks.c.clinic_id == clinic_id)
    return (await tx.execute(query.distinct().order_by(tasks.c.notice_id))).scalars().all()


async def close_kind(tx: Transaction, kind: TaskKind, key: str, *, now: datetime) -> None:
    """Close the open task of one cause."""
    await close(tx, tasks.c.kind == kind, tasks.c.key == key, now=now)
