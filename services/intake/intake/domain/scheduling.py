"""A date for the patient: booking, moving, giving up, missing it."""

from datetime import datetime

from common.events.referral import (
    AppointmentCancelled,
    AppointmentMissed,
    AppointmentRescheduled,
    ReferralEvent,
    ReferralScheduled,
)
from intake.domain.appointment import Appointment
from intake.domain.commands import Command, require
from intake.domain.progress import ready_to_schedule
from intake.domain.reasons import MISSED
from intake.domain.referral import Decided, Referral, Status


def schedule(referral: Referral, appointment: Appointment, *, now: datetime) -> Decided:
    """Book a date; from a working stage this is two moves, and both are told."""
    require(referral, Command.SCHEDULE)
    earlier: tuple[ReferralEvent, ...] = ()
    if referral.status is not Status.READY_TO_SCHEDULE:
        referral, earlier = ready_to_schedule(referral, now=now)
    booked = referral.to(Status.SCHEDULED, appointment=appointment)
    fact = booked.tell(ReferralScheduled, now=now, appointment=appointment.fact())
    return booked, (*earlier, fact)


def reschedule(
    referral: Referral,
    *,
    starts_at: datetime,
    ends_at: datetime | None,
    place: str | None,
    now: datetime,
) -> Decided:
    """Move the date; it stays the same appointment."""
    require(referral, Command.RESCHEDULE)
    before = _booked(referral)
    after = before.moved(starts_at=starts_at, ends_at=ends_at, place=place)
    moved = referral.changed(appointment=after, reason=None, waiting_on="patient")
    fact = moved.tell(
        AppointmentRescheduled,
        now=now,
        appointment=after.fact(),
        previous_starts_at=before.starts_at,
    )
    return moved, (fact,)


def cancel_appointment(referral: Referral, *, now: datetime) -> Decided:
    """Give up the date; the referral goes on without one."""
    require(referral, Command.CANCEL_APPOINTMENT)
    given_up = _booked(referral).cancelled()
    after = referral.to(Status.READY_TO_SCHEDULE, appointment=given_up)
    return after, (after.tell(AppointmentCancelled, now=now, appointment=given_up.fact()),)


def miss(referral: Referral, *, now: datetime) -> Decided:
    """Record that the patient was not there: scheduled, but by a date that has passed."""
    require(referral, Command.NO_SHOW)
    missed = _booked(referral).missed()
    after = referral.changed(appointment=missed, reason=MISSED, waiting_on="patient")
    return after, (after.tell(AppointmentMissed, now=now, appointment=missed.fact()),)


def _booked(referral: Referral) -> Appointment:
    assert referral.appointment is not None  # noqa: S101 - `scheduled` is entered with one only
    return referral.appointment
