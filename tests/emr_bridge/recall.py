"""How much of what a message says we read, against labels that a person made.

`.venv/bin/python -m tests.emr_bridge.recall` prints it by family and by field.

A label is a keyed hash of the expected value, the key being the message itself: whoever has not
the message learns nothing from it. Letter case, blanks and punctuation do not count.
"""

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from common.events.submission import Address, Submission
from emr_bridge.formats.hl7v2.interpret import compose, interpret
from emr_bridge.formats.hl7v2.interpret.overrides import NONE
from emr_bridge.formats.hl7v2.interpret.reading import Requested
from emr_bridge.formats.hl7v2.message import Message
from emr_bridge.formats.hl7v2.reader import read

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "hl7v2"
LABELS = json.loads(Path(__file__).with_name("recall.json").read_text())

Labels = dict[str, list[str]]
"""The hashes of a message's values, by the name of their field."""


def values_of(read: Submission) -> dict[str, list[str]]:
    """Return what was read, by field, each value in one comparable form."""
    patient, drug, prescriber = read.patient, read.medication, read.prescriber
    found: dict[str, list[Any]] = {
        "patient.name": [patient.family_name, " ".join(patient.given_names)],
        "patient.birth_date": [patient.birth_date],
        "patient.sex": [patient.sex if patient.sex != "unknown" else None],
        "patient.phones": [_digits(phone) for phone in patient.phones],
        "patient.address": [_in_a_line(patient.address)],
        "patient.identifiers": [one.value for one in patient.identifiers],
        "prescriber.name": [prescriber.name],
        "prescriber.npi": [prescriber.npi],
        "drug.text": [drug.text],
        "drug.code": [drug.ndc, drug.rxnorm],
        "drug.quantity": [drug.quantity.normalize() if drug.quantity is not None else None],
        "drug.sig": [drug.sig],
        "diagnoses": [one.code for one in read.diagnoses],
        "coverage.payer": [one.payer for one in read.coverages],
        "coverage.member_id": [one.member_id for one in read.coverages],
        "coverage.bin_pcn": [part for one in read.coverages for part in (one.bin, one.pcn)],
        "coverage.group": [one.group for one in read.coverages],
        "order_number": [one.value for one in read.external_ids],
        "contact": [read.contact.name if read.contact else None],
    }
    return {name: [str(value) for value in values if value] for name, values in found.items()}


def labels_of(values: dict[str, list[str]], message: bytes) -> Labels:
    """Return the hashes of values, bound to their message."""
    hashed = {name: [_hash(name, one, message) for one in some] for name, some in values.items()}
    return {name: sorted(some) for name, some in hashed.items() if some}


def compare(expected: Labels, found: Labels) -> dict[str, Counter[str]]:
    """Count by field what is there and was read, what is missing, and what was made up."""
    names = expected.keys() | found.keys()
    return {name: _compared(expected.get(name, ()), found.get(name, ())) for name in names}


def _compared(expected: Iterable[str], found: Iterable[str]) -> Counter[str]:
    wanted, given = Counter(expected), Counter(found)
    counts = {"read": wanted & given, "missing": wanted - given, "invented": given - wanted}
    return Counter({name: some.total() for name, some in counts.items()})


def _hash(name: str, value: str, message: bytes) -> str:
    plain = "".join(letter for letter in value.casefold() if letter.isalnum())
    return hmac.new(message, f"{name}={plain}".encode(), hashlib.sha256).hexdigest()[:16]


def _digits(phone: str) -> str:
    return "".join(letter for letter in phone if letter.isdigit())


def _in_a_line(address: Address | None) -> str:
    return " ".join(part for part in address.model_dump().values() if part) if address else ""


def submission_of(message: Message) -> Submission:
    """Return what a message says; also one of a type, or with an ORC-1, that opens no referral."""
    reading = interpret(message)
    if not isinstance(reading, Requested):
        reading = compose.request(message, NONE)
    assert isinstance(reading, Requested)
    return reading.submission


def measured() -> dict[tuple[str, str], Counter[str]]:
    """Return the counts by family (`RDE^O25`) and field, over every labelled message."""
    counted: dict[tuple[str, str], Counter[str]] = {}
    for name, expected in LABELS.items():
        raw = (CORPUS / name).read_bytes()
        message = read(raw)
        header = message.first("MSH")
        family = f"{header.text(9)}^{header.text(9, 2)}"
        found = labels_of(values_of(submission_of(message)), raw)
        for field, counts in compare(expected, found).items():
            counted.setdefault((family, field), Counter()).update(counts)
    return counted


def by(place: int, counted: dict[tuple[str, str], Counter[str]]) -> dict[str, Counter[str]]:
    """Sum the counts by family (0) or by field (1)."""
    sums: dict[str, Counter[str]] = {}
    for key, counts in sorted(counted.items()):
        sums.setdefault(key[place], Counter()).update(counts)
    return sums


def lines() -> Iterable[str]:
    """Yield the tables as they are printed."""
    counted = measured()
    for place, title in enumerate(("family", "field")):
        yield f"{title:<22}{'read':>6}{'missing':>9}{'invented':>10}"
        for name, counts in by(place, counted).items():
            numbers = (counts["read"], counts["missing"], counts["invented"])
            yield f"{name:<22}{numbers[0]:>6}{numbers[1]:>9}{numbers[2]:>10}"


if __name__ == "__main__":
    print("\n".join(lines()))
