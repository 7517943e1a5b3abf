"""The ends of a referral other than the good one, and the clinic's wish to cancel."""

from dataclasses import replace
from datetime import datetime

from common.events.referral import (
    CancellationRequested,
    ReferralCancelled,
    ReferralDeclined,
    ReferralDiscontinued,
    ReferralTransferred,
)
from intake.domain.appointment import Appointment, AppointmentState
from intake.domain.commands import Command, require
from intake.domain.reasons import CancelReason, DeclineReason, DiscontinueReason, TransferReason
from intake.domain.referral import Cancellation, Decided, Referral, Status
from intake.domain.shipment import overtaken


def decline(referral: Referral, reason: DeclineReason, *, now: datetime) -> Decided:
    """Say that the pharmacy will not serve the patient."""
    require(referral, Command.DECLINE)
    declined = _end(referral, Status.DECLINED, reason.value)
    return declined, (declined.tell(ReferralDeclined, now=now),)


def transfer(
    referral: Referral,
    reason: TransferReason,
    *,
    pharmacy_name: str,
    pharmacy_phone: str | None,
    now: datetime,
) -> Decided:
    """Hand the patient on to another pharmacy and name it."""
    require(referral, Command.TRANSFER)
    gone = _end(referral, Status.TRANSFERRED, reason.value)
    fact = gone.tell(
        ReferralTransferred, now=now, pharmacy_name=pharmacy_name, pharmacy_phone=pharmacy_phone
    )
    return gone, (fact,)


def request_cancellation(referral: Referral, reason: CancelReason, *, now: datetime) -> Decided:
    """Take the clinic's wish to cancel: we confirm it with `cancel`, or it came too late."""
    require(referral, Command.REQUEST_CANCELLATION)
    if referral.stage is Status.ACTIVE or referral.is_on_its_way:
        late = Cancellation("overtaken", reason.value)
        after = referral.changed(cancellation=late)
        return after, (overtaken(after, late, now=now),)
    wish = Cancellation("requested", reason.value)
    after = referral.changed(cancellation=wish, waiting_on="pharmacy")
    fact = after.tell(CancellationRequested, now=now).model_copy(update={"reason": wish.reason})
    return after, (fact,)


def cancel(referral: Referral, reason: CancelReason | None, *, now: datetime) -> Decided:
    """Cancel: the confirmation of the clinic's wish when there is one, else the pharmacy's own act."""
    require(referral, Command.CANCEL)
    wish = referral.cancellation if referral.is_cancellation_requested else None
    asked = wish.reason if wish else CancelReason.OTHER.value
    cancelled = _end(referral, Status.CANCELLED, reason.value if reason else asked)
    if wish:
        cancelled = replace(cancelled, cancellation=replace(wish, state="confirmed"))
    by = "clinic" if wish else "pharmacy"
    return cancelled, (cancelled.tell(ReferralCancelled, now=now, requested_by=by),)


def discontinue(referral: Referral, reason: DiscontinueReason, *, now: datetime) -> Decided:
    """End an active therapy."""
    require(referral, Command.DISCONTINUE)
    ended = referral.to(Status.DISCONTINUED, reason=reason.value)
    return ended, (ended.tell(ReferralDiscontinued, now=now),)


def _end(referral: Referral, status: Status, reason: str) -> Referral:
    return referral.to(
        status,
        reason=reason,
        appointment=_released(referral.appointment),
        held_at=None,
        asked_at=None,
    )


def _released(appointment: Appointment | None) -> Appointment | None:
    """Give up a date that is still to come; one that was missed stays missed."""
    if appointment is None or appointment.state is not AppointmentState.BOOKED:
        return appointment
    return appointment.cancelled()
