"""What intake publishes of referrals (topic `referral.events`, key = referral id)."""

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime

from common.events.envelope import Event, Fact
from common.events.people import ReferralCard

WaitingOn = Literal["pharmacy", "payer", "prescriber", "patient", "nobody"]


class ReferralEvent(Event):
    """Something happened to one referral; `status` and its companions are the state after it."""

    topic: ClassVar[str] = "referral.events"
    source: ClassVar[str] = "/services/intake"
    seals = ReferralCard

    referral_id: UUID
    clinic_id: str
    code: str
    version: int
    status: str
    reason: str | None = None
    waiting_on: WaitingOn = "pharmacy"
    respond_by: AwareDatetime | None = None

    @property
    def subject(self) -> str:
        """The referral."""
        return str(self.referral_id)


class ReferralReceived(ReferralEvent):
    """A clinic's request for a drug is kept, and work on it begins."""

    type: ClassVar[str] = "referral.received.v1"

    door: Literal["rest", "hl7v2", "fhir", "script", "fax"]
    received_at: AwareDatetime
    source_message_id: UUID | None = None
    completeness: int = 100
    findings: tuple[str, ...] = ()


class InformationNeeded(ReferralEvent):
    """Something is missing or doubtful; `missing` names the findings, the sealed card the questions."""

    type: ClassVar[str] = "referral.information_needed.v1"

    missing: tuple[str, ...]


class InformationProvided(ReferralEvent):
    """The clinic answered; `answered` names the findings that are settled."""

    type: ClassVar[str] = "referral.information_provided.v1"

    answered: tuple[str, ...] = ()


class ReferralAccepted(ReferralEvent):
    """The pharmacy will serve the patient."""

    type: ClassVar[str] = "referral.accepted.v1"


class ReferralDeclined(ReferralEvent):
    """The pharmacy will not serve the patient: an end."""

    type: ClassVar[str] = "referral.declined.v1"


class ReferralProgressed(ReferralEvent):
    """Work moved on to another stage that the clinic need not act on."""

    type: ClassVar[str] = "referral.progressed.v1"

    previous_status: str


class PriorAuthorizationChanged(ReferralEvent):
    """A prior authorization was opened or changed its state.

    `waiting_on` is the referral's: who must act first on all that is open. `authorization_waiting_on`
    is who must act next on this one; events from before it was told have None.
    """

    type: ClassVar[str] = "prior_authorization.changed.v1"

    prior_authorization_id: UUID
    benefit: Literal["pharmacy", "medical"]
    state: str
    previous_state: str | None = None
    authorization_waiting_on: WaitingOn | None = None
    open: bool
    level: int = 0
    denial_reason: str | None = None
    appeal_deadline: date | None = None
    decided_on: date | None = None
    effective_on: date | None = None
    expires_on: date | None = None


class Appointment(Fact):
    """What was booked; where it takes place is people's data and travels sealed."""

    id: UUID
    kind: Literal["delivery", "pickup", "infusion"]
    starts_at: AwareDatetime
    ends_at: AwareDatetime | None = None


class ReferralScheduled(ReferralEvent):
    """The patient has a date for the delivery, pick-up or infusion."""

    type: ClassVar[str] = "referral.scheduled.v1"

    appointment: Appointment


class AppointmentRescheduled(ReferralEvent):
    """The date moved."""

    type: ClassVar[str] = "appointment.rescheduled.v1"

    appointment: Appointment
    previous_starts_at: AwareDatetime


class AppointmentCancelled(ReferralEvent):
    """The date was given up; the referral goes on without one."""

    type: ClassVar[str] = "appointment.cancelled.v1"

    appointment: Appointment


class AppointmentMissed(ReferralEvent):
    """The patient was not there (no-show)."""

    type: ClassVar[str] = "appointment.missed.v1"

    appointment: Appointment


class ReferralShipped(ReferralEvent):
    """The drug is on its way."""

    type: ClassVar[str] = "referral.shipped.v1"

    carrier: str | None = None
    expected_on: date | None = None


class ShipmentReported(ReferralEvent):
    """The carrier reports a delay or a return (`reason` delayed or returned)."""

    type: ClassVar[str] = "referral.shipment_reported.v1"

    carrier: str | None = None
    expected_on: date | None = None


class ReferralActivated(ReferralEvent):
    """The patient has the drug: the loop's good end."""

    type: ClassVar[str] = "referral.activated.v1"

    had_at: AwareDatetime
    how: Literal["delivered", "picked_up", "administered"]


class ReferralHeld(ReferralEvent):
    """Work pauses."""

    type: ClassVar[str] = "referral.held.v1"


class ReferralResumed(ReferralEvent):
    """Work goes on where it paused."""

    type: ClassVar[str] = "referral.resumed.v1"


class ReferralStatusReported(ReferralEvent):
    """The clinic asked where the referral stands; nothing has changed."""

    type: ClassVar[str] = "referral.status_reported.v1"


class ReferralTransferred(ReferralEvent):
    """Another pharmacy serves the patient: an end."""

    type: ClassVar[str] = "referral.transferred.v1"

    pharmacy_name: str
    pharmacy_phone: str | None = None


class CancellationRequested(ReferralEvent):
    """The clinic asked to cancel; the pharmacy confirms, or is overtaken by completion."""

    type: ClassVar[str] = "referral.cancellation_requested.v1"


class CancellationOvertaken(ReferralEvent):
    """The clinic asked to cancel, but it was too late."""

    type: ClassVar[str] = "referral.cancellation_overtaken.v1"


class ReferralCancelled(ReferralEvent):
    """The referral was cancelled: an end."""

    type: ClassVar[str] = "referral.cancelled.v1"

    requested_by: Literal["clinic", "pharmacy"]


class ReferralDiscontinued(ReferralEvent):
    """An active therapy ended."""

    type: ClassVar[str] = "referral.discontinued.v1"
