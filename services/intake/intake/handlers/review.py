"""Handing to a person what cannot be decided here; nothing that came in is lost with it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from common.database import Transaction
from common.events.emr import (
    CancellationSubmitted,
    Interpreted,
    ReferralSubmitted,
    ReviewRequested,
)
from common.events.submission import Submission
from common.ids import new_id
from intake.domain.information import Door
from intake.domain.referral import Referral
from intake.handlers import heard
from intake.handlers.desk import Desk
from intake.store import reviews
from intake.store.reviews import Review


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a person must look at a message, and at what."""

    reason: str
    submission: Submission | None = None
    referral_id: UUID | None = None
    external_id: str | None = None


async def of_referral(
    tx: Transaction, desk: Desk, referral: Referral, reason: str, *, door: Door, now: datetime
) -> None:
    """Ask a person about a new referral that was taken in but may not be what it seems."""
    review = Review(
        id=new_id(),
        reason=reason,
        door=door,
        opened_at=now,
        clinic_id=referral.clinic_id,
        referral_id=referral.id,
        message_id=desk.source_message_id,
    )
    await reviews.add(tx, desk.sealer, review)


async def of_unknown_clinic(
    tx: Transaction,
    desk: Desk,
    event: ReferralSubmitted,
    submission: Submission,
    *,
    now: datetime,
) -> None:
    """Keep a submission of which nobody knows the clinic, to be placed by a person."""
    review = Review(
        id=new_id(),
        reason="unknown_clinic",
        door=heard.door_of(event.message_type),
        opened_at=now,
        sender=event.sender,
        message_id=event.message_id,
        message_type=event.message_type,
        submission=submission,
        papers=event.papers,
    )
    await reviews.add(tx, desk.sealer, review)


async def of_interpreted(
    tx: Transaction,
    desk: Desk,
    event: Interpreted,
    doubt: Doubt,
    *,
    now: datetime,
) -> None:
    """Hand over a message of a known clinic that means no referral, several, or a doubtful one."""
    review = Review(
        id=new_id(),
        reason=doubt.reason,
        door=heard.door_of(event.message_type),
        opened_at=now,
        clinic_id=event.clinic_id,
        referral_id=doubt.referral_id,
        sender=event.sender,
        message_id=event.message_id,
        message_type=event.message_type,
        external_id=doubt.external_id,
        submission=doubt.submission,
        papers=event.papers,
    )
    await reviews.add(tx, desk.sealer, review)


async def of_cancellation(
    tx: Transaction, desk: Desk, event: CancellationSubmitted, reason: str, *, now: datetime
) -> None:
    """Hand over a wish to cancel that fits no referral, or one that has ended."""
    review = Review(
        id=new_id(),
        reason=reason,
        door="hl7v2",
        opened_at=now,
        clinic_id=event.clinic_id,
        sender=event.sender,
        message_id=event.message_id,
        external_id=event.external_id,
    )
    await reviews.add(tx, desk.sealer, review)


async def of_message(tx: Transaction, desk: Desk, event: ReviewRequested, *, now: datetime) -> None:
    """Hand over a message that emr-bridge could not read."""
    review = Review(
        id=new_id(),
        reason=event.reason,
        door="hl7v2",
        opened_at=now,
        clinic_id=event.clinic_id,
        sender=event.sender,
        message_id=event.message_id,
        message_type=event.message_type,
    )
    await reviews.add(tx, desk.sealer, review)
