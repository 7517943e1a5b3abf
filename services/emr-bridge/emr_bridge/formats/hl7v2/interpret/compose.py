"""Puts the pieces of a message together: what every family has in common."""

from common.events.submission import Identifier, Submission
from emr_bridge.formats.hl7v2.interpret.fields import (
    clinicals,
    contact,
    coverage,
    diagnosis,
    documents,
    medication,
    numbers,
    patient,
    prescriber,
)
from emr_bridge.formats.hl7v2.interpret.overrides import Overrides
from emr_bridge.formats.hl7v2.interpret.reading import (
    CancellationAsked,
    Doubtful,
    Found,
    Reading,
    Requested,
    StatusAsked,
)
from emr_bridge.formats.hl7v2.interpret.sources import Sources
from emr_bridge.formats.hl7v2.message import Message


def request(message: Message, overrides: Overrides, *, is_change: bool = False) -> Reading:
    """Read a message as a referral; without anything to tell the patient by, a person must look."""
    sources = Sources()
    submission = overrides.apply(_submission(message, overrides, sources), message, sources)
    person = submission.patient
    if person.family_name is None and not person.identifiers:
        return Doubtful("no_patient")
    named = overrides.order_numbers(message, Sources())
    return Requested(
        submission,
        placer=numbers.placer(message, named),
        patient_ids=numbers.patient_ids(message),
        provider=prescriber.as_sent(message),
        is_change=is_change,
        found=found(message, overrides, sources),
    )


def change(message: Message, overrides: Overrides) -> Reading:
    """Read a message as a change of what was referred before; its number says of what."""
    if not order_numbers(message, overrides):
        return Doubtful("change_without_number")
    return request(message, overrides, is_change=True)


def cancellation(message: Message, overrides: Overrides) -> Reading:
    """Read a message as a cancellation of what its number names."""
    known = order_numbers(message, overrides)
    return CancellationAsked(known[0].value) if known else Doubtful("cancellation_without_number")


def status_request(message: Message, overrides: Overrides) -> Reading:
    """Read a message as a question after what its number names."""
    sources = Sources()
    known = order_numbers(message, overrides, sources)
    if not known:
        return Doubtful("status_request_without_number")
    return StatusAsked(known[0].value, found(message, overrides, sources))


def order_numbers(
    message: Message, overrides: Overrides, sources: Sources | None = None
) -> tuple[Identifier, ...]:
    """Return the sender's numbers of the order, the one that its link names first."""
    sources = sources or Sources()
    usual = numbers.order_numbers(message, sources)
    named = overrides.order_numbers(message, sources)
    known = {one.value for one in named}
    return (*named, *(one for one in usual if one.value not in known))


def found(message: Message, overrides: Overrides, sources: Sources) -> Found:
    """Return how a reading came about: places, deletions, documents, findings."""
    papers, findings = documents.read(message)
    return Found(sources.places, sources.deleted, papers, (*findings, *overrides.findings))


def _submission(message: Message, overrides: Overrides, sources: Sources) -> Submission:
    orders = medication.orders(message)
    known = order_numbers(message, overrides, sources)
    return Submission(
        patient=patient.read(message, sources),
        coverages=coverage.read(message, sources),
        prescriber=prescriber.read(message, sources),
        contact=contact.read(message, sources),
        medication=medication.read(next(iter(orders), None), message, sources),
        diagnoses=diagnosis.read(message, sources),
        clinicals=clinicals.read(message, further=orders[1:], sources=sources),
        external_ids=known or numbers.read(message, sources),
    )
