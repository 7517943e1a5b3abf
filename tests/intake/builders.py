"""Builders for intake's tests: complete by default, each argument the one thing a test is about."""

from datetime import UTC, date, datetime
from typing import Any

from common.events.submission import Submission
from common.ids import new_id, short_code
from intake.domain.appointment import Appointment
from intake.domain.prior_authorization import PaState, PriorAuthorization
from intake.domain.referral import Pause, Referral, Status

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
CODES = frozenset({"M05.79", "L40.0", "K50.90"})


def an_authorization(**facts: Any) -> PriorAuthorization:
    known = {
        "id": new_id(),
        "benefit": "pharmacy",
        "state": PaState.REQUIRED_NOT_STARTED,
        "known_at": NOW,
    }
    return PriorAuthorization(**(known | facts))


def an_appointment(**facts: Any) -> Appointment:
    known = {"id": new_id(), "kind": "delivery", "starts_at": datetime(2026, 3, 9, 16, tzinfo=UTC)}
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
