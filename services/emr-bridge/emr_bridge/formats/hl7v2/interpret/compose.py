"""Puts the pieces of a message together: what every family has in common."""

from common.events.submission import Submission
from emr_bridge.formats.hl7v2.interpret.fields import (
    clinicals,
    contact,
    coverage,
    diagnosis,
    medication,
    numbers,
    patient,
    prescriber,
)
from emr_bridge.formats.hl7v2.interpret.reading import (
    CancellationAsked,
    Doubtful,
    Reading,
    Requested,
)
from emr_bridge.formats.hl7v2.reader import Message


def request(message: Message) -> Reading:
    """Read a message as a referral; without anything to tell the patient by, a person must look."""
    person = patient.read(message)
    if person.family_name is None and not person.identifiers:
        return Doubtful("no_patient")
    orders = medication.orders(message)
    submission = Submission(
        patient=person,
        coverages=coverage.read(message),
        prescriber=prescriber.read(message),
        contact=contact.read(message),
        medication=medication.read(orders[0] if orders else (), message),
        diagnoses=diagnosis.read(message),
        clinicals=clinicals.read(message, further=orders[1:]),
        external_ids=numbers.read(message),
    )
    return Requested(
        submission,
        placer=numbers.placer(message),
        patient_ids=numbers.patient_ids(message),
        provider=prescriber.as_sent(message),
    )


def cancellation(message: Message) -> Reading:
    """Read a message as a cancellation of what its number names."""
    known = numbers.order_numbers(message)
    return CancellationAsked(known[0].value) if known else Doubtful("cancellation_without_number")
