"""Resolving a review: a submission is placed with its clinic, or the review is dismissed."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, cast
from uuid import UUID

from common import tracing
from common.database import Transaction
from common.errors import Conflict, FieldError, Invalid
from common.events.submission import Submission
from intake.domain.information import Door
from intake.handlers import papers, results
from intake.handlers.arrive import Order
from intake.handlers.desk import Desk
from intake.handlers.submit import submit
from intake.store import clinics, referrals, reviews
from intake.store.reviews import Review

Resolution = Literal["placed", "dismissed", "done"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided: whose it is, which referral it belongs to, or nothing is made of it."""

    clinic_id: str | None = None
    referral_id: UUID | None = None
    dismiss: bool = False
    note: str | None = None


async def resolve(
    tx: Transaction, desk: Desk, review_id: UUID, decision: Decision, *, now: datetime
) -> Review:
    """Resolve a review. One that holds a submission wants its place, unless it is dismissed."""
    review = await reviews.get(tx, desk.sealer, review_id)
    if review.resolved_at is not None:
        raise Conflict("this review is resolved already")
    resolution: Resolution = "dismissed" if decision.dismiss else "done"
    if review.submission is not None and not decision.dismiss:
        request = tracing.current()
        # In the trace of what came in, which a person's decision does not end.
        with tracing.span("place review", parent=review.traceparent or request) as span:
            span.link(request)
            place = _file if review.reason in results.REVIEWS else _place
            review = await place(tx, desk, review, review.submission, decision, now=now)
        resolution = "placed"
    await papers.drop(tx, review.message_id)
    resolved = replace(
        review, resolved_at=now, resolved_by=desk.actor, resolution=resolution, note=decision.note
    )
    await reviews.save(tx, desk.sealer, resolved)
    return resolved


async def _place(
    tx: Transaction,
    desk: Desk,
    review: Review,
    submission: Submission,
    decision: Decision,
    *,
    now: datetime,
) -> Review:
    """Take the kept submission in as if it had come with its clinic, at the time when it came."""
    clinic_id = decision.clinic_id
    if clinic_id is None or not await clinics.is_registered(tx, clinic_id):
        fault = FieldError("/clinic_id", "name a registered clinic, or dismiss the review")
        raise Invalid("the submission needs its clinic", errors=[fault])
    order = Order(
        desk.of(desk.actor, review.message_id),
        submission,
        clinic_id,
        cast("Door", review.door),
        submission.received_at or review.opened_at,
    )
    submitted = await submit(tx, order, now=now)
    await _attach(tx, order.desk, review, submitted.referral.id, now=now)
    return replace(review, clinic_id=clinic_id, referral_id=submitted.referral.id)


async def _file(
    tx: Transaction,
    desk: Desk,
    review: Review,
    submission: Submission,
    decision: Decision,
    *,
    now: datetime,
) -> Review:
    """File kept results and documents with the referral that they belong to."""
    referral_id = decision.referral_id
    if referral_id is None or not await referrals.exists(tx, referral_id):
        fault = FieldError("/referral_id", "name the referral, or dismiss the review")
        raise Invalid("the document needs its referral", errors=[fault])
    at_desk = desk.of(desk.actor, review.message_id)
    kept = await referrals.get(tx, desk.sealer, referral_id, for_update=True)
    if review.clinic_id not in (None, kept.referral.clinic_id):
        fault = FieldError("/referral_id", "the document came from another clinic")
        raise Invalid("the document needs a referral of its clinic", errors=[fault])
    facts = {"message_type": review.message_type}
    await results.attach(tx, at_desk, kept, submission, facts=facts, now=now)
    await _attach(tx, at_desk, review, referral_id, now=now)
    return replace(review, referral_id=referral_id)


async def _attach(
    tx: Transaction, desk: Desk, review: Review, referral_id: UUID, *, now: datetime
) -> None:
    if review.message_id is not None:
        message_id = review.message_id
        await papers.attach(tx, desk, referral_id, message_id, review.papers, now=now)
