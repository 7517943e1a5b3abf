"""What the templates may say: the event, its people, the tables of words and how dates are told."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

from common.events.people import ReferralCard
from common.events.referral import InformationNeeded, PriorAuthorizationChanged, ReferralEvent
from notifications.domain.clinic import Clinic
from notifications.domain.telling import waiting_on
from notifications.wording import dates
from notifications.wording.reasons import denial_reason, reason_for
from notifications.wording.text import phone, words

WHO_ACTS: Final = {
    "pharmacy": "Our pharmacy. Nothing is needed from you now.",
    "payer": "The health plan. Nothing is needed from you now.",
    "prescriber": "Your office",
    "patient": "The patient. Nothing is needed from you now.",
    "nobody": "Nobody. Nothing is needed from you.",
}
DOORS: Final = {
    "rest": "through our online connection",
    "hl7v2": "from your EMR",
    "fhir": "from your EMR",
    "script": "as an electronic prescription",
    "fax": "by fax",
}
APPOINTMENTS: Final = {"delivery": "delivery", "pickup": "pick-up", "infusion": "infusion"}
HAD: Final = {
    "delivered": "delivered to the patient",
    "picked_up": "picked up by the patient",
    "administered": "given to the patient",
}
APPEALS: Final = {1: "first appeal", 2: "second appeal", 3: "external review"}


def vocabulary(
    event: ReferralEvent, card: ReferralCard, clinic: Clinic, *, name: str, now: datetime
) -> dict[str, Any]:
    """Return the template's names; a field that the kind of event lacks is an error when printed."""
    in_zone: Mapping[str, Any] = {"time_zone": clinic.time_zone, "now": now}
    return {
        "event": event,
        "card": card,
        "asked": _asked(event, card),
        "reason": reason_for(name, event.reason),
        "denial_reason": denial_reason,
        "validity": _validity,
        "waiting_on": waiting_on(event),
        "who_acts": WHO_ACTS,
        "doors": DOORS,
        "appointments": APPOINTMENTS,
        "had": HAD,
        "appeals": APPEALS,
        "moment": partial(dates.moment, **in_zone),
        "span": partial(dates.span, **in_zone),
        "weekday": partial(dates.weekday, time_zone=clinic.time_zone),
        "day": dates.day,
        "phone": phone,
        "words": words,
    }


def _asked(event: ReferralEvent, card: ReferralCard) -> tuple[str, ...]:
    if card.questions or not isinstance(event, InformationNeeded):
        return card.questions
    return tuple(words(code).capitalize() for code in event.missing)


def _validity(event: PriorAuthorizationChanged) -> str:
    begins = f" from {dates.day(event.effective_on)}" if event.effective_on else ""
    ends = f" through {dates.day(event.expires_on)}" if event.expires_on else ""
    return begins + ends
