"""The drug's way to the patient, and the patient having it: the loop's good end."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Literal

from common.errors import FieldError, IllegalMove, Invalid
from common.events.referral import (
    CancellationOvertaken,
    ReferralActivated,
    ReferralEvent,
    ReferralShipped,
    ShipmentReported,
)
from intake.domain.commands import Command, allowed, require
from intake.domain.reasons import ShipmentTrouble
from intake.domain.referral import Cancellation, Decided, Referral, Status

CLOCKS_MAY_DIFFER_BY = timedelta(minutes=5)
"""A caller's clock may be ahead of ours by so much."""

How = Literal["delivered", "picked_up", "administered"]


def ship(
    referral: Referral, *, carrier: str | None, expected_on: date | None, now: datetime
) -> Decided:
    """Hand the drug to a carrier; a wish to cancel that was not answered yet comes too late."""
    require(referral, Command.SHIP)
    shipped = referral.to(Status.SHIPPED)
    fact = shipped.tell(ReferralShipped, now=now, carrier=carrier, expected_on=expected_on)
    return overtaking(shipped, fact, now=now)


def report(
    referral: Referral,
    trouble: ShipmentTrouble,
    *,
    carrier: str | None,
    expected_on: date | None,
    now: datetime,
) -> Decided:
    """Pass on that a shipment is late or came back."""
    require(referral, Command.REPORT_SHIPMENT)
    after = referral.changed(reason=trouble.value, waiting_on="pharmacy")
    return after, (after.tell(ShipmentReported, now=now, carrier=carrier, expected_on=expected_on),)


def activate(referral: Referral, how: How, *, had_at: datetime, now: datetime) -> Decided:
    """Record that the patient has the drug. What is delivered was shipped before."""
    require(referral, Command.ACTIVATE)
    if had_at > now + CLOCKS_MAY_DIFFER_BY:
        fault = FieldError("/had_at", "is still to come; say it when the patient has the drug")
        raise Invalid("nobody can have had the drug in the future", errors=[fault])
    if how == "delivered" and referral.status is not Status.SHIPPED:
        raise IllegalMove(
            f"referral {referral.code}: what was not shipped cannot be delivered; "
            "ship it first, or say picked_up or administered",
            allowed=allowed(referral),
        )
    active = referral.to(Status.ACTIVE)
    return overtaking(
        active, active.tell(ReferralActivated, now=now, had_at=had_at, how=how), now=now
    )


def overtaking(referral: Referral, fact: ReferralEvent, *, now: datetime) -> Decided:
    """Add the answer "too late" to a move that overtakes the clinic's wish to cancel."""
    if referral.cancellation is None or not referral.is_cancellation_requested:
        return referral, (fact,)
    answer = replace(referral.cancellation, state="overtaken")
    after = referral.changed(cancellation=answer)
    return after, (fact, overtaken(after, answer, now=now))


def overtaken(
    referral: Referral, cancellation: Cancellation, *, now: datetime
) -> CancellationOvertaken:
    """Return the event that answers the clinic's wish: it was too late."""
    fact = referral.tell(CancellationOvertaken, now=now)
    return fact.model_copy(update={"reason": cancellation.reason})
