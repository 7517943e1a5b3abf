"""One event, and the people it is about, for everything that a clinic can be told."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import product
from uuid import UUID

from common.events.people import Contact, PatientCard, ReferralCard
from common.events.referral import (
    Appointment,
    AppointmentCancelled,
    AppointmentMissed,
    AppointmentRescheduled,
    CancellationOvertaken,
    InformationNeeded,
    PriorAuthorizationChanged,
    ReferralActivated,
    ReferralCancelled,
    ReferralDeclined,
    ReferralDiscontinued,
    ReferralEvent,
    ReferralHeld,
    ReferralReceived,
    ReferralResumed,
    ReferralScheduled,
    ReferralStatusReported,
    ReferralTransferred,
    ShipmentReported,
)
from notifications.domain.clinic import Clinic

NOW = datetime(2026, 11, 24, 20, 15, tzinfo=UTC)
SOON = NOW + timedelta(days=2)
CLINIC = Clinic("lakeside", 1, "Lakeside Rheumatology", "America/New_York")
CARD = ReferralCard(
    patient=PatientCard(family_name="ZZTEST", given_names=("Maria",), birth_date=date(1980, 2, 3)),
    medication="Adalimumab 40 mg/0.4 mL pen",
    contact=Contact(name="Ana Ruiz"),
)
QUESTIONS = ("What is the member ID on the insurance card?", "Is this a new start?")

#: Every state of prior authorization, with who acts next.
STATES = {
    "not_required": "pharmacy",
    "required_not_started": "pharmacy",
    "waiting_prescriber": "prescriber",
    "submitted": "payer",
    "pended_info": "prescriber",
    "peer_to_peer": "prescriber",
    "approved": "pharmacy",
    "approved_modified": "pharmacy",
    "denied": "prescriber",
    "appeal_submitted": "payer",
    "appeal_approved": "pharmacy",
    "appeal_denied": "prescriber",
    "cancelled": "pharmacy",
    "expired": "prescriber",
    "change_payer": "pharmacy",
    "error": "pharmacy",
}
REASONS = {
    "referral_declined": (
        *("out_of_network", "limited_distribution", "outside_service_area", "not_stocked"),
        *("prescriber_not_verified", "duplicate", "other"),
    ),
    "referral_held": (*("prescriber", "patient", "clinical", "stock_out", "limited_distribution"),),
    "referral_transferred": (
        *("payer_mandated_pharmacy", "limited_distribution_network", "patient_choice"),
    ),
    "referral_cancelled": (
        *("prescriber_withdrew", "patient_declined", "cost", "insurance_denied_final"),
        *("unable_to_reach", "deceased", "duplicate", "alternative_therapy"),
        *("clinical_contraindication", "other"),
    ),
    "referral_discontinued": (
        *("adverse_event", "therapy_complete", "lack_of_effect", "lost_coverage"),
        *("deceased", "other"),
    ),
}
DENIALS = (
    *("not_on_formulary", "step_therapy_not_met", "quantity_limit", "diagnosis_not_covered"),
    *("missing_information", "not_medically_necessary", "wrong_benefit", "plan_exclusion"),
    *("out_of_network_or_limited_distribution", "other"),
)
UNHEARD_OF = "moon_in_the_seventh_house"


@dataclass(frozen=True)
class Told:
    """A notice by name, and what it is composed from."""

    name: str
    event: ReferralEvent
    card: ReferralCard = CARD
    case: str = ""

    def __str__(self):
        return f"{self.name}-{self.case}" if self.case else self.name


def head(status, waiting_on="pharmacy", **more):
    """The fields that every event of a referral has."""
    return {
        "referral_id": UUID(int=1),
        "clinic_id": CLINIC.id,
        "code": "7F3K2M",
        "version": 3,
        "status": status,
        "waiting_on": waiting_on,
        "occurred_at": NOW,
        **more,
    }


def prior_authorization(state, **more):
    """A prior authorization that came to a state."""
    fields = {"benefit": "pharmacy", "open": True, **more}
    return PriorAuthorizationChanged(
        **head("prior_authorization", STATES.get(state, "pharmacy")),
        prior_authorization_id=UUID(int=2),
        state=state,
        **fields,
    )


def appointment(kind):
    """A booking of three hours."""
    return Appointment(id=UUID(int=3), kind=kind, starts_at=SOON, ends_at=SOON + timedelta(hours=3))


def _received():
    for door in ("rest", "hl7v2", "fhir", "script", "fax"):
        event = ReferralReceived(**head("received"), door=door, received_at=NOW)
        yield Told("referral_received", event, case=door)
    asked = head("information_needed", "prescriber")
    found = ("therapy_missing",)
    receipt = ReferralReceived(**asked, door="rest", received_at=NOW, findings=found)
    yield Told("referral_received", receipt, case="incomplete")
    request = InformationNeeded(**asked, respond_by=SOON, missing=found)
    yield Told("information_needed", request, CARD.model_copy(update={"questions": QUESTIONS}))
    yield Told("information_needed", request, case="without_questions")


def _authorizations():
    details = {
        "decided_on": date(2026, 11, 23),
        "effective_on": date(2026, 11, 23),
        "expires_on": date(2027, 11, 22),
        "appeal_deadline": date(2027, 1, 15),
        "denial_reason": "quantity_limit",
    }
    numbers = {"authorization_number": "A-88213", "case_id": "C-4711", "questions": QUESTIONS[:1]}
    for name, state in product(
        ("prior_authorization_changed", "prior_authorization_pending"), (*STATES, UNHEARD_OF)
    ):
        yield Told(name, prior_authorization(state), case=f"{state}-bare")
        full = prior_authorization(state, benefit="medical", level=1, **details)
        card = CARD.model_copy(update={**numbers, "note": "The plan called twice."})
        yield Told(name, full, card, case=f"{state}-full")
    for reason, state in product((*DENIALS, UNHEARD_OF), ("denied", "appeal_denied")):
        event = prior_authorization(state, denial_reason=reason)
        yield Told("prior_authorization_changed", event, case=f"{state}-{reason}")
    for level in range(5):
        event = prior_authorization("appeal_submitted", level=level)
        yield Told("prior_authorization_changed", event, case=f"level-{level}")


def _appointments():
    for kind in ("delivery", "pickup", "infusion"):
        booked = {**head("scheduled", "patient"), "appointment": appointment(kind)}
        at_home = CARD.model_copy(update={"place": "the patient's home"})
        yield Told("referral_scheduled", ReferralScheduled(**booked), at_home, case=kind)
        moved = AppointmentRescheduled(**booked, previous_starts_at=NOW)
        yield Told("appointment_rescheduled", moved, case=kind)
        yield Told("appointment_cancelled", AppointmentCancelled(**booked), case=kind)
        missed = AppointmentMissed(**{**booked, "reason": "missed"})
        yield Told("appointment_missed", missed, case=kind)


def _shipments():
    for trouble, carrier in product(("delayed", "returned"), (None, "Parcel Express")):
        where = head("shipped", reason=trouble)
        event = ShipmentReported(
            **where, carrier=carrier, expected_on=SOON.date() if carrier else None
        )
        yield Told("shipment_reported", event, case=f"{trouble}-{carrier}")


def _ends():
    for how in ("delivered", "picked_up", "administered"):
        event = ReferralActivated(**head("active", "nobody"), had_at=NOW, how=how)
        yield Told("referral_activated", event, case=how)
    for status in ("shipped", "active", "cancelled"):
        late = CancellationOvertaken(**head(status, "prescriber"))
        yield Told("cancellation_overtaken", late, case=status)
    yield Told("referral_resumed", ReferralResumed(**head("accepted")))
    for status, waits in (("prior_authorization", "payer"), ("active", "nobody")):
        yield Told("status_reported", ReferralStatusReported(**head(status, waits)), case=status)
    for name, codes in REASONS.items():
        for code in (*codes, None, UNHEARD_OF):
            yield Told(name, with_reason(name, code), case=str(code or "no_reason"))


def with_reason(name, code):
    """The event of a notice that can name a reason, with this one."""
    if name == "referral_declined":
        return ReferralDeclined(**head("declined", "nobody", reason=code))
    if name == "referral_held":
        waits = code if code in ("prescriber", "patient") else "pharmacy"
        return ReferralHeld(**head("on_hold", waits, reason=code))
    if name == "referral_transferred":
        return ReferralTransferred(
            **head("transferred", "nobody", reason=code),
            pharmacy_name="Cascade Pharmacy",
            pharmacy_phone="+15550100177" if code else None,
        )
    if name == "referral_cancelled":
        asked_by = "clinic" if code == "prescriber_withdrew" else "pharmacy"
        ended = head("cancelled", "nobody", reason=code)
        return ReferralCancelled(**ended, requested_by=asked_by)
    return ReferralDiscontinued(**head("discontinued", "nobody", reason=code))


EVERYTHING_TOLD = (
    *_received(),
    *_authorizations(),
    *_appointments(),
    *_shipments(),
    *_ends(),
)
