"""Work on a referral: accepting it and moving it from stage to stage."""

from datetime import datetime
from typing import Literal

from common.events.referral import ReferralAccepted, ReferralProgressed
from intake.domain.commands import Command, require
from intake.domain.referral import Decided, Referral, Status


def accept(referral: Referral, *, now: datetime) -> Decided:
    """Take the referral on; open questions of its receipt no longer hold it up."""
    require(referral, Command.ACCEPT)
    accepted = referral.to(Status.ACCEPTED, asked_at=None)
    return accepted, (accepted.tell(ReferralAccepted, now=now),)


def start_benefits_investigation(referral: Referral, *, now: datetime) -> Decided:
    """Find out what the insurance covers."""
    require(referral, Command.START_BENEFITS_INVESTIGATION)
    return _on(referral, Status.BENEFITS_INVESTIGATION, now=now)


def start_financial_assistance(
    referral: Referral, *, waits: Literal["pharmacy", "patient"], now: datetime
) -> Decided:
    """Look for a copay card, a foundation or a bridge supply; sometimes the patient must sign."""
    require(referral, Command.START_FINANCIAL_ASSISTANCE)
    return _on(referral, Status.FINANCIAL_ASSISTANCE, waits=waits, now=now)


def start_clinical_review(
    referral: Referral, *, waits: Literal["pharmacy", "prescriber"], now: datetime
) -> Decided:
    """Have a pharmacist look: labs, REMS, interactions."""
    require(referral, Command.START_CLINICAL_REVIEW)
    return _on(referral, Status.CLINICAL_REVIEW, waits=waits, now=now)


def ready_to_schedule(referral: Referral, *, now: datetime) -> Decided:
    """Say that nothing stands in the way of a date."""
    require(referral, Command.READY_TO_SCHEDULE)
    return _on(referral, Status.READY_TO_SCHEDULE, now=now)


def _on(
    referral: Referral,
    status: Status,
    *,
    waits: Literal["pharmacy", "patient", "prescriber"] | None = None,
    now: datetime,
) -> Decided:
    moved = referral.to(status, waits=waits)
    fact = moved.tell(ReferralProgressed, now=now, previous_status=referral.status.value)
    return moved, (fact,)
