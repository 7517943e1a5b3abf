"""Which events a clinic is told of, by which notice, and what is owed with it (one table)."""

from collections.abc import Mapping
from dataclasses import dataclass

from common.events import referral
from common.events.clinic import PromiseKind
from common.events.referral import PriorAuthorizationChanged, ReferralEvent, WaitingOn

PENDING = "prior_authorization_pending"
"""The notice of a heartbeat: a prior authorization is open and nothing has moved."""


@dataclass(frozen=True, slots=True)
class Telling:
    """The notice that tells of an event; `owed` is the promise that it keeps, if any."""

    notice: str
    owed: PromiseKind | None = None


TOLD: Mapping[type[ReferralEvent], Telling] = {
    referral.ReferralReceived: Telling("referral_received", PromiseKind.REFERRAL_RECEIVED),
    referral.InformationNeeded: Telling("information_needed", PromiseKind.INFORMATION_NEEDED),
    referral.PriorAuthorizationChanged: Telling(
        "prior_authorization_changed", PromiseKind.PRIOR_AUTHORIZATION_STATUS
    ),
    referral.ReferralScheduled: Telling("referral_scheduled", PromiseKind.APPOINTMENT),
    referral.AppointmentRescheduled: Telling("appointment_rescheduled", PromiseKind.APPOINTMENT),
    referral.AppointmentCancelled: Telling("appointment_cancelled", PromiseKind.APPOINTMENT),
    referral.AppointmentMissed: Telling("appointment_missed", PromiseKind.APPOINTMENT),
    referral.ReferralActivated: Telling("referral_activated", PromiseKind.OUTCOME),
    referral.ReferralDeclined: Telling("referral_declined", PromiseKind.OUTCOME),
    referral.ReferralTransferred: Telling("referral_transferred", PromiseKind.OUTCOME),
    referral.ReferralCancelled: Telling("referral_cancelled", PromiseKind.OUTCOME),
    referral.ReferralDiscontinued: Telling("referral_discontinued", PromiseKind.OUTCOME),
    referral.CancellationOvertaken: Telling("cancellation_overtaken"),
    referral.ReferralHeld: Telling("referral_held"),
    referral.ReferralResumed: Telling("referral_resumed"),
    referral.ShipmentReported: Telling("shipment_reported"),
    referral.ReferralStatusReported: Telling("status_reported"),
}
"""Events that are not here need no word to the clinic: nothing changed for it."""

ENDS: tuple[type[ReferralEvent], ...] = (
    referral.ReferralDeclined,
    referral.ReferralTransferred,
    referral.ReferralCancelled,
    referral.ReferralDiscontinued,
)
"""After these no prior authorization is waited for any more."""


def waiting_on(event: ReferralEvent) -> WaitingOn:
    """Return who must act next on what a notice tells of.

    Of a prior authorization that is its own actor: the referral's may be another authorization's.
    """
    own = event.authorization_waiting_on if isinstance(event, PriorAuthorizationChanged) else None
    return own or event.waiting_on
