"""What happened, in words: a line of the timeline as a person reads it."""

from collections.abc import Callable, Mapping
from typing import Any

from intake.store.timeline import Entry

Facts = Mapping[str, Any]

FIXED: Mapping[str, str] = {
    "referral.received.v1": "Referral received",
    "referral.repeated": "The same order came in again; no second referral was made",
    "referral.information_needed.v1": "Information asked for",
    "referral.information_provided.v1": "Information received",
    "referral.accepted.v1": "Referral accepted",
    "referral.declined.v1": "Referral declined",
    "referral.shipped.v1": "Drug shipped",
    "referral.held.v1": "Put on hold",
    "referral.resumed.v1": "Work goes on",
    "referral.cancellation_requested.v1": "The clinic asks to cancel",
    "referral.cancellation_overtaken.v1": "The wish to cancel came too late",
    "referral.cancelled.v1": "Referral cancelled",
    "referral.discontinued.v1": "Therapy discontinued",
    "cancellation.repeated": "The clinic asked to cancel again",
    "document.added": "Document added",
    "patient.merged": "The clinic merged two of its patient numbers",
    "referral.status_reported.v1": "The clinic asked where the referral stands, and was told",
}


def _appointment(verb: str) -> Callable[[Facts], str]:
    return lambda facts: (
        f"{facts['appointment']['kind'].capitalize()} {verb} {facts['appointment']['starts_at']}"
    )


def _authorization(facts: Facts) -> str:
    before = facts.get("previous_state")
    came = f"from {_words(before)} to" if before else "opened:"
    return f"Prior authorization ({facts['benefit']}) {came} {_words(facts['state'])}"


def _promise(verb: str) -> Callable[[Facts], str]:
    return lambda facts: f"Promise {verb}: {_words(facts['kind'])}, due {facts['due_at']}"


READ_AS: Mapping[str, str] = {
    "/external_ids/0": "order number",
    "/patient/family_name": "patient name",
    "/patient/birth_date": "birth date",
    "/patient/identifiers": "patient number",
    "/prescriber/name": "prescriber",
    "/prescriber/npi": "NPI",
    "/medication/text": "drug",
    "/diagnoses/0": "diagnosis",
    "/coverages/0/member_id": "insurance number",
    "/contact": "contact",
}
"""Which values of a message are named in a line; the facts hold every place."""


def _read(facts: Facts) -> str:
    places = facts.get("places", {})
    named = [f"{name} from {_place(places[p])}" for p, name in READ_AS.items() if p in places]
    said = [f"Read from {facts['message_type']}{': ' if named else ''}{', '.join(named)}"]
    for verb, what in (("deleted", "deleted"), ("repairs", "mended")):
        if found := facts.get(verb):
            said.append(f"{what}: {', '.join(_words(one) for one in found)}")
    return "; ".join(said)


def _place(written: str) -> str:
    """Return `PID-5` for the first PID; a person reads no `[1]`."""
    return written.replace("[1]", "")


def _results(facts: Facts) -> str:
    return f"Results or documents came in by {facts['message_type']}: {facts['labs']} results"


def _visit(facts: Facts) -> str:
    when = f" for {facts['starts']}" if "starts" in facts else ""
    return f"The clinic's own appointment{when}: {_words(facts['change'])}"


def _order_status(facts: Facts) -> str:
    return f"The clinic's status of the order: {facts.get('status') or facts['control']}"


MADE: Mapping[str, Callable[[Facts], str]] = {
    "referral.progressed.v1": lambda facts: f"Moved on from {_words(facts['previous_status'])}",
    "message.read": _read,
    "results.attached": _results,
    "clinic.appointment": _visit,
    "order.status_told": _order_status,
    "prior_authorization.changed.v1": _authorization,
    "referral.scheduled.v1": _appointment("booked for"),
    "appointment.rescheduled.v1": _appointment("moved to"),
    "appointment.cancelled.v1": _appointment("cancelled, was"),
    "appointment.missed.v1": _appointment("missed:"),
    "referral.activated.v1": lambda facts: f"The patient has the drug ({_words(facts['how'])})",
    "referral.transferred.v1": lambda facts: f"Transferred to {facts['pharmacy_name']}",
    "referral.shipment_reported.v1": lambda _: "Trouble with the shipment",
    "notification.promised.v1": _promise("given"),
    "promise.at_risk.v1": _promise("at risk"),
    "promise.kept.v1": _promise("kept"),
    "promise.broken.v1": _promise("broken"),
    "notification.delivered.v1": lambda facts: (
        f"Clinic told by {facts['channel']}: {_words(facts['notice'])}"
    ),
    "notification.failed.v1": lambda facts: (
        f"Could not tell the clinic by {facts['channel']}: {_words(facts['notice'])}"
    ),
}


def text(entry: Entry) -> str:
    """Return the entry in words, with its reason."""
    made = MADE.get(entry.what)
    said = made(entry.facts) if made else FIXED.get(entry.what, entry.what)
    return f"{said} ({_words(entry.reason)})" if entry.reason else said


def _words(code: str) -> str:
    return code.replace("_", " ")
