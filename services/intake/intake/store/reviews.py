"""What a person must look at; a submission that could not be placed is kept with it, sealed."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import RowMapping, bindparam, insert, select, update

from common import tracing
from common.database import Transaction
from common.errors import NotFound
from common.events.emr import Paper
from common.events.submission import Submission
from common.sealing import Sealer
from intake.store import sealed
from intake.store.tables import reviews as table
from intake.store.text import plain

SUBMISSION: TypeAdapter[Submission] = TypeAdapter(Submission)

OF_OTHERS = {
    "reason": 64,
    "clinic_id": 64,
    "sender": 200,
    "message_type": 64,
    "external_id": 200,
}
"""Columns whose text others chose, and how long each may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """Something that a person must decide."""

    id: UUID
    reason: str
    door: str
    opened_at: datetime
    clinic_id: str | None = None
    referral_id: UUID | None = None
    sender: str | None = None
    message_id: UUID | None = None
    message_type: str | None = None
    external_id: str | None = None
    submission: Submission | None = None
    papers: tuple[Paper, ...] = ()
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    resolution: str | None = None
    note: str | None = None
    traceparent: str | None = None


async def add(tx: Transaction, sealer: Sealer, review: Review) -> None:
    """Keep a new review."""
    closed = (
        sealed.close(sealer, SUBMISSION, review.submission, _context(review.id))
        if review.submission
        else None
    )
    row = {
        "id": review.id,
        "door": review.door,
        "opened_at": review.opened_at,
        "referral_id": review.referral_id,
        "message_id": review.message_id,
        "submission": closed,
        "papers": [paper.model_dump(mode="json") for paper in review.papers],
        "traceparent": review.traceparent or tracing.current(),
    }
    row |= {name: _fitting(review, name, longest) for name, longest in OF_OTHERS.items()}
    await tx.execute(insert(table).values(row))


def _fitting(review: Review, name: str, longest: int) -> str | None:
    text: str | None = getattr(review, name)
    return plain(text, longest) if text else None


async def get(tx: Transaction, sealer: Sealer, review_id: UUID) -> Review:
    """Return a review for changing; NotFound when there is none."""
    query = select(table).where(table.c.id == review_id).with_for_update()
    row = (await tx.execute(query)).mappings().one_or_none()
    if row is None:
        raise NotFound("there is no review with this id")
    return _review(sealer, row)


SUPERSEDE = (
    update(table)
    .where(table.c.message_id.in_(bindparam("messages", expanding=True)))
    .where(table.c.reason == bindparam("because"), table.c.resolved_at.is_(None))
    .values(resolution="superseded", resolved_at=bindparam("at"), resolved_by=bindparam("by"))
)


async def supersede(
    tx: Transaction, message_ids: Collection[UUID], reason: str, *, by: str, now: datetime
) -> None:
    """Resolve the open reviews of messages for that reason: they were read after all."""
    if message_ids:
        facts = {"messages": list(message_ids), "because": reason, "at": now, "by": by}
        await tx.execute(SUPERSEDE, facts)


async def page(
    tx: Transaction, sealer: Sealer, *, is_open: bool | None, after: UUID | None, limit: int
) -> list[Review]:
    """Return reviews in the order in which they were opened (their ids are time-ordered)."""
    query = select(table).order_by(table.c.id).limit(limit)
    if after is not None:
        query = query.where(table.c.id > after)
    if is_open is not None:
        unresolved = table.c.resolved_at.is_(None)
        query = query.where(unresolved if is_open else ~unresolved)
    return [_review(sealer, row) for row in (await tx.execute(query)).mappings()]


async def save(tx: Transaction, sealer: Sealer, review: Review) -> None:
    """Write how a review was resolved."""
    row = {
        "clinic_id": review.clinic_id,
        "referral_id": review.referral_id,
        "resolved_at": review.resolved_at,
        "resolved_by": review.resolved_by,
        "resolution": review.resolution,
        "note": sealed.close_text(sealer, review.note, _context(review.id)),
    }
    await tx.execute(update(table).where(table.c.id == review.id).values(row))


def _review(sealer: Sealer, row: RowMapping) -> Review:
    closed, context = row["submission"], _context(row["id"])
    facts = {
        name: row[name] for name in Review.__slots__ if name not in {"submission", "note", "papers"}
    }
    return Review(
        **facts,
        submission=sealed.open_(sealer, SUBMISSION, closed, context) if closed else None,
        note=sealed.open_text(sealer, row["note"], context),
        papers=tuple(Paper.model_validate(one) for one in row["papers"] or ()),
    )


def _context(review_id: UUID) -> str:
    return f"review:{review_id}"
