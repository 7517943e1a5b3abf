"""What payer and pharmacist ask for: weight, allergies, drugs tried, results, and all the notes."""

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import islice

from common.events.submission import Clinicals, Lab, TriedDrug
from emr_bridge.formats.hl7v2.interpret.fields.medication import text_of
from emr_bridge.formats.hl7v2.interpret.fields.observed import (
    PRESCRIPTION,
    is_about,
    name_of_observation,
)
from emr_bridge.formats.hl7v2.interpret.fields.orders import Order
from emr_bridge.formats.hl7v2.interpret.fields.values import (
    coded_text,
    date_of,
    number_of,
    unique,
)
from emr_bridge.formats.hl7v2.interpret.sources import Sources
from emr_bridge.formats.hl7v2.message import Message, Segment, Value

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

CODED = ("CE", "CWE", "CNE")
RESULTS = ("NM", "ST", "SN", "DT", "TM", "TS", "DTM", "IS", "ID", *CODED)
UNTYPED = "ST"
"""How OBX-5 is read of a sender who leaves OBX-2 empty."""

TRIED = re.compile(
    r"\s*(?:previously\s+)?tried(?:\s+and\s+|\s*/\s*|\s*&\s*)failed\s*:\s*([^\n]+)", re.IGNORECASE
)

TEXTS = ("TX", "FT")
MOST_NOTES = 100_000
"""Characters; and how many results are read of one message."""

MOST_LABS = 500


def read(
    message: Message, *, further: Sequence[Order] = (), sources: Sources | None = None
) -> Clinicals:
    """Read what stands beside the order; drugs of `further` orders are named in the notes."""
    sources = sources or Sources()
    observations = [o for o in message.all("OBX") if not is_about(o, PRESCRIPTION)]
    return Clinicals(
        weight_kg=_weighed(observations, sources),
        allergies=unique(_allergies(message, sources)),
        tried_and_failed=(*_tried(observations, sources), *_tried_in_notes(message, sources)),
        labs=tuple(islice(labs(observations, sources), MOST_LABS)),
        notes="\n".join(_notes(message, further, sources))[:MOST_NOTES] or None,
    )


def _weighed(observations: Iterable[Segment], sources: Sources) -> Decimal | None:
    """Read the first body weight."""
    for observation in observations:
        kilograms = _weight(observation)
        if kilograms is not None:
            sources.note("/clinicals/weight_kg", observation.value(5))
            return kilograms
    return None


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
    lower = words.lower()
    return "weight" in lower and "birth" not in lower


def _allergies(message: Message, sources: Sources) -> Iterator[str | None]:
    for name in ("AL1", "IAM"):
        for segment in message.all(name):
            named = segment.value(3)
            sources.note("/clinicals/allergies", named)
            substance = coded_text(named)
            reaction = ", ".join(filter(None, map(coded_text, segment.values(5))))
            yield f"{substance} ({reaction})" if substance and reaction else substance


def _tried(observations: Iterable[Segment], sources: Sources) -> Iterator[TriedDrug]:
    """Observations that are named after it: drug and outcome are the components of OBX-5."""
    for observation in observations:
        for value in observation.values(5) if _is_history(observation) else []:
            if drug := value.component(1):
                sources.note("/clinicals/tried_and_failed", value)
                yield TriedDrug(drug=drug, outcome=value.component(2))


def _tried_in_notes(message: Message, sources: Sources) -> Iterator[TriedDrug]:
    """Read `Tried and failed: drug, outcome; drug, outcome` at the beginning of a note."""
    for value in (value for segment in message.all("NTE") for value in segment.values(3)):
        found = TRIED.match(value.text() or "")
        sources.note("/clinicals/tried_and_failed", *([value] if found else ()))
        for item in found[1].split(";") if found else ():
            drug, _, outcome = item.partition(",")
            if drug.strip():
                yield TriedDrug(drug=drug.strip(), outcome=outcome.strip() or None)


def words(segment: Segment) -> Sequence[Value]:
    """Return what a note or an observation in words says; nothing where it has a field of its own."""
    if segment.name == "NTE":
        return segment.values(3)
    if segment.name != "OBX" or segment.text(2) not in TEXTS or _is_elsewhere(segment):
        return []
    return segment.values(5)


def _is_elsewhere(observation: Segment) -> bool:
    """Tell whether a text observation is read into a field of its own."""
    return _is_history(observation) or is_about(observation, PRESCRIPTION)


def _is_history(observation: Segment) -> bool:
    words = name_of_observation(observation).lower()
    return "tried" in words or "failed" in words or "prior therap" in words


def labs(observations: Iterable[Segment], sources: Sources) -> Iterator[Lab]:
    """Read results: numbers, codes and short texts; not what describes the order or a history."""
    for observation in observations:
        if (observation.text(2) or UNTYPED) not in RESULTS or _is_history(observation):
            continue
        value, name = _result(observation), name_of_observation(observation)
        if value and name and _weight(observation) is None:
            sources.note("/clinicals/labs", observation.value(5))
            yield Lab(
                name=name,
                value=value,
                unit=observation.text(6),
                taken_on=date_of(observation.text(14)),
            )


def _result(observation: Segment) -> str | None:
    value = observation.value(5)
    return coded_text(value) if observation.text(2) in CODED else value.text()


def _notes(message: Message, further: Sequence[Order], sources: Sources) -> Iterator[str]:
    """RF1-10, NTE-3, text observations, authorisations; then what else the message orders."""
    cause = message.first("RF1").value(10)
    if reason := coded_text(cause):
        sources.note("/clinicals/notes", cause)
        yield f"Reason: {reason}"
    for segment in message.segments:
        if segment.name == "AUT" and (number := segment.text(6)):
            yield f"Authorization: {number}"
        elif values := words(segment):
            sources.note("/clinicals/notes", *(value for value in values if not value.is_null))
            yield from unique(value.text() for value in values)
    for order in further:
        yield f"Also ordered in the same message: {text_of(order)}"
