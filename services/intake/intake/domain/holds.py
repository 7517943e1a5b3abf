"""Pausing a referral and going on where it paused."""

from dataclasses import replace
from datetime import datetime

from common.events.referral import ReferralHeld, ReferralResumed, WaitingOn
from intake.domain.commands import Command, require
from intake.domain.reasons import HoldReason
from intake.domain.referral import Decided, Referral, Status

HOLD_WAITS: dict[HoldReason, WaitingOn] = {
    HoldReason.PRESCRIBER: "prescriber",
    HoldReason.PATIENT: "patient",
    HoldReason.CLINICAL: "prescriber",
    HoldReason.STOCK_OUT: "pharmacy",
    HoldReason.LIMITED_DISTRIBUTION: "pharmacy",
}


def hold(
    referral: Referral, reason: HoldReason, *, respond_by: datetime | None, now: datetime
) -> Decided:
    """Pause; who must act is named by the reason."""
    require(referral, Command.HOLD)
    moved = referral.to(
        Status.ON_HOLD,
        reason=reason.value,
        waits=HOLD_WAITS[reason],
        held_at=referral.pause(),
    )
    held = replace(moved, respond_by=respond_by)
    return held, (held.tell(ReferralHeld, now=now),)


def resume(referral: Referral, *, now: datetime) -> Decided:
    """Go on in the status in which the referral was held."""
    require(referral, Command.RESUME)
    assert referral.held_at is not None  # noqa: S101 - the status is entered by `hold` only
    resumed = referral.back_to(referral.held_at, held_at=None)
    return resumed, (resumed.tell(ReferralResumed, now=now),)
