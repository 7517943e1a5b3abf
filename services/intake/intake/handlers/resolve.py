"""Resolving a review: a submission is placed with its clinic, or the review is dismissed."""

from dataclasses import replace
from datetime import datetime
from typing import Literal, cast
from uuid import UUID

from common import tracing
from common.database import Transaction
from common.errors import Conflict, FieldError, Invalid
from common.events.submission import Submission
from intake.domain.information import Door
from intake.handlers.arrive import Order
from intake.handlers.desk import Desk
from intake.handlers.submit import submit
from intake.store import clinics, reviews
from intake.store.reviews import Review

Resolution = Literal["placed", "dismissed", "done"]


async def resolve(
    tx: Transaction,
    desk: Desk,
    review_id: UUID,
    *,
    clinic_id: str | None,
    dismiss: bool,
    note: str | None,
    now: datetime,
) -> Review:
    """Resolve a review. One that holds a submission wants the clinic, unless it is dismissed."""
    review = await reviews.get(tx, desk.sealer, review_id)
    if review.resolved_at is not None:
        raise Conflict("this review is resolved already")
    resolution: Resolution = "dismissed" if dismiss else "done"
    if review.submission is not None and not dismiss:
        request = tracing.current()
        # In the trace of what came in, which a person's decision does not end.
        with tracing.span("place review", parent=review.traceparent or request) as span:
            span.link(request)
            review = await _place(tx, desk, review, review.submission, clinic_id, now=now)
        resolution = "placed"
    resolved = replace(
        review, resolved_at=now, resolved_by=desk.actor, resolution=resolution, note=note
    )
    await reviews.save(tx, desk.sealer, resolved)
    return resolved


async def _place(
    tx: Transaction,
    desk: Desk,
    review: Review,
    submission: Submission,
    clinic_id: str | None,
    *,
    now: datetime,
) -> Review:
    """Take the kept submission in as if it had come with its clinic, at the time when it came."""
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
    return replace(review, clinic_id=clinic_id, referral_id=submitted.referral.id)
