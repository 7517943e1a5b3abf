"""Builders for intake's tests: complete by default, each argument the one thing a test is about."""

from datetime import UTC, date, datetime
from typing import Any

from pydantic import BaseModel

from common.events.envelope import Event
from common.events.people import ReferralCard
from common.events.submission import Submission
from common.ids import new_id, short_code
from common.sealing import Sealer
from intake.domain.appointment import Appointment
from intake.domain.prior_authorization import PaState, PriorAuthorization
from intake.domain.referral import Pause, Referral, Status

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
CODES = frozenset({"M05.79", "L40.0", "K50.90"})


def an_authorization(**facts: Any) -> PriorAuthorization:
    known: dict[str, Any] = {
        "id": new_id(),
        "benefit": "pharmacy",
        "state": PaState.REQUIRED_NOT_STARTED,
        "known_at": NOW,
    }
    return PriorAuthorization(**(known | facts))


def an_appointment(**facts: Any) -> Appointment:
    known: dict[str, Any] = {
        "id": new_id(),
        "kind": "delivery",
        "starts_at": datetime(2026, 3, 9, 16, tzinfo=UTC),
    }
    return Appointment(**(known | facts))


def a_referral(**facts: Any) -> Referral:
    identifier = new_id()
    known: dict[str, Any] = {
        "id": identifier,
        "clinic_id": "lakeside",
        "code": short_code(identifier),
    }
    status = facts.get("status", Status.RECEIVED)
    if status is Status.ON_HOLD:
        known["held_at"] = Pause(Status.ACCEPTED, None, "pharmacy")
    if status is Status.INFORMATION_NEEDED:
        known["asked_at"] = Pause(Status.RECEIVED, None, "pharmacy")
    if status in {Status.SCHEDULED, Status.SHIPPED, Status.ACTIVE}:
        known["appointment"] = an_appointment()
    return Referral(**(known | facts))


def submission_json(**changes: Any) -> dict[str, Any]:
    """Return a referral as a clinic sends it, with nothing left to ask."""
    complete: dict[str, Any] = {
        "clinic_id": "lakeside",
        "patient": {
            "family_name": "ZZTESTLARKIN",
            "given_names": ["Nora"],
            "birth_date": "1984-07-19",
            "sex": "female",
            "phones": ["+1 312 555 0142"],
            "identifiers": [{"value": "MRN-88123", "system": "LAKESIDE", "type": "MR"}],
        },
        "coverages": [
            {
                "payer": "Prairie Health Plan",
                "member_id": "PHP4471902",
                "bin": "610014",
                "pcn": "PHP",
                "group": "EMP12",
                "benefit": "pharmacy",
                "order": 1,
            }
        ],
        "prescriber": {"npi": "1234567893", "name": "Dr. Amira ZZTESTSOLIS"},
        "contact": {"name": "Jo ZZTESTREED", "role": "nurse", "phone": "+13125550199"},
        "medication": {
            "text": "adalimumab 40 mg/0.4 mL pen",
            "ndc": "00074055402",
            "sig": "40 mg under the skin every other week",
            "quantity": "2",
            "quantity_unit": "pen",
            "days_supply": 28,
            "refills": 5,
        },
        "diagnoses": [{"code": "M05.79", "text": "Rheumatoid arthritis"}],
        "therapy": "new_start",
        "clinicals": {"tried_and_failed": [{"drug": "methotrexate", "outcome": "nausea"}]},
        "external_ids": [{"value": "PO-7781", "system": "LAKESIDE"}],
    }
    return complete | changes


def a_submission(**changes: Any) -> Submission:
    return Submission.model_validate(submission_json(**changes))


TODAY = date(2026, 3, 2)


def clinic_json(**changes: Any) -> dict[str, Any]:
    complete: dict[str, Any] = {
        "name": "Lakeside Rheumatology",
        "npi": "1245319599",
        "time_zone": "America/Chicago",
        "opening_hours": [{"weekday": 0, "opens": "08:00:00", "closes": "17:00:00"}],
        "holidays": ["2026-12-25"],
        "fax_numbers": [{"number": "+13125550100", "verified_on": "2026-01-15"}],
        "contacts": [
            {"name": "Pat ZZTESTNURSE", "role": "nurse"},
            {"name": "Kim ZZTESTCOORD", "role": "referral_coordinator", "phone": "+13125550177"},
        ],
        "channels": ["emr", "webhook", "fax"],
        "webhook": {
            "url": "https://hooks.example.org/x",
            "secret": "whsec_c2VjcmV0LXNlY3JldC0xMjM0",
        },
        "hl7_links": [
            {"id": "lakeside-epic", "sending_application": "EPIC", "sending_facility": "LAKESIDE"}
        ],
        "promises": {"referral_received": {"within": "PT1H", "business_hours": False}},
        "baa_signed_on": "2026-01-10",
        "onboarded_on": "2026-01-20",
    }
    return complete | changes


def opened(event: Event, sealer: Sealer, card: type[BaseModel] = ReferralCard) -> Any:
    """Return the card that travels sealed with an event."""
    return event.unsealed(sealer, card)
