"""What payer and pharmacist ask for: weight, allergies, drugs tried, results, and all the notes."""

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from common.events.submission import Clinicals, Lab, TriedDrug
from emr_bridge.formats.hl7v2.interpret.fields.medication import Order, text_of
from emr_bridge.formats.hl7v2.interpret.fields.observed import (
    PRESCRIPTION,
    is_about,
    name_of_observation,
)
from emr_bridge.formats.hl7v2.interpret.fields.values import (
    coded_text,
    date_of,
    number_of,
    unique,
)
from emr_bridge.formats.hl7v2.reader import Message, Segment

WEIGHTS = ("29463-7", "3141-9", "3142-7", "8335-2")
"""LOINC: body weight, measured, stated, estimated."""

KILOGRAMS = {
    "KG": Decimal(1),
    "KILOGRAM": Decimal(1),
    "G": Decimal("0.001"),
    "LB": Decimal("0.45359237"),
    "LBS": Decimal("0.45359237"),
    "[LB_AV]": Decimal("0.45359237"),
}

CODED = ("CE", "CWE")
RESULTS = ("NM", "ST", "SN", *CODED)
TRIED = re.compile(
    r"\s*(?:previously\s+)?tried(?:\s+and\s+|\s*/\s*|\s*&\s*)failed\s*:\s*([^\n]+)", re.IGNORECASE
)

TEXTS = ("TX", "FT")
MOST_NOTES = 100_000


def read(message: Message, *, further: Sequence[Order] = ()) -> Clinicals:
    """Read what stands beside the order; drugs of `further` orders are named in the notes."""
    observations = [o for o in message.all("OBX") if not is_about(o, PRESCRIPTION)]
    return Clinicals(
        weight_kg=next((kg for o in observations if (kg := _weight(o)) is not None), None),
        allergies=unique(_allergies(message)),
        tried_and_failed=(*_tried(observations), *_tried_in_notes(message)),
        labs=tuple(_labs(observations)),
        notes="\n".join(_notes(message, further))[:MOST_NOTES] or None,
    )


def _weight(observation: Segment) -> Decimal | None:
    code, words = observation.text(3) or "", name_of_observation(observation)
    if code not in WEIGHTS and not _names_weight(f"{code} {words}"):
        return None
    amount = number_of(observation.text(5))
    factor = KILOGRAMS.get((observation.text(6) or "KG").upper())
    if amount is None or factor is None:
        return None
    return amount if factor == 1 else round(amount * factor, 3)


def _names_weight(words: str) -> bool:
    return "weight" in words.lower() and "birth" not in words.lower()


def _allergies(message: Message) -> Iterator[str | None]:
    for name in ("AL1", "IAM"):
        for segment in message.all(name):
            substance = coded_text(segment.value(3))
            reactions = (coded_text(value) for value in segment.values(5))
            reaction = ", ".join(text for text in reactions if text)
            yield f"{substance} ({reaction})" if substance and reaction else substance


def _tried(observations: Iterable[Segment]) -> Iterator[TriedDrug]:
    """Observations that are named after it: drug and outcome are the components of OBX-5."""
    for observation in observations:
        for value in observation.values(5) if _is_history(observation) else []:
            if drug := value.component(1):
                yield TriedDrug(drug=drug, outcome=value.component(2))


def _tried_in_notes(message: Message) -> Iterator[TriedDrug]:
    """Read `Tried and failed: drug, outcome; drug, outcome` at the beginning of a note."""
    for note in (
        value.text() or "" for segment in message.all("NTE") for value in segment.values(3)
    ):
        found = TRIED.match(note)
        for item in found[1].split(";") if found else ():
            drug, _, outcome = item.partition(",")
            if drug.strip():
                yield TriedDrug(drug=drug.strip(), outcome=outcome.strip() or None)


def _is_elsewhere(observation: Segment) -> bool:
    """Tell whether a text observation is read into a field of its own."""
    return _is_history(observation) or is_about(observation, PRESCRIPTION)


def _is_history(observation: Segment) -> bool:
    words = name_of_observation(observation).lower()
    return "tried" in words or "failed" in words or "prior therap" in words


def _labs(observations: Iterable[Segment]) -> Iterator[Lab]:
    for observation in observations:
        value = _result(observation)
        plain = observation.text(2) in RESULTS and not _is_history(observation)
        name = name_of_observation(observation)
        if plain and value and name and _weight(observation) is None:
            yield Lab(
                name=name,
                value=value,
                unit=observation.text(6),
                taken_on=date_of(observation.text(14)),
            )


def _result(observation: Segment) -> str | None:
    value = observation.value(5)
    return coded_text(value) if observation.text(2) in CODED else value.text()


def _notes(message: Message, further: Sequence[Order]) -> Iterator[str]:
    """RF1-10, NTE-3, text observations, authorisations; then what else the message orders."""
    if reason := coded_text(message.first("RF1").value(10)):
        yield f"Reason: {reason}"
    for segment in message.segments:
        if segment.name == "NTE":
            yield from unique(value.text() for value in segment.values(3))
        elif segment.name == "OBX" and segment.text(2) in TEXTS and not _is_elsewhere(segment):
            yield from unique(value.text() for value in segment.values(5))
        elif segment.name == "AUT" and (number := segment.text(6)):
            yield f"Authorization: {number}"
    for order in further:
        yield f"Also ordered in the same message: {text_of(order)}"
