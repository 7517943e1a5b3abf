"""What payer and pharmacist ask for: weight, allergies, drugs tried, results, and all the notes."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from common.events.submission import Clinicals, Lab, TriedDrug
from emr_bridge.formats.hl7v2.interpret.fields.medication import Order, text_of
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

RESULTS = ("NM", "ST", "SN", "CE", "CWE")
TEXTS = ("TX", "FT")
MOST_NOTES = 100_000


def read(message: Message, *, further: Sequence[Order] = ()) -> Clinicals:
    """Read what stands beside the order; drugs of `further` orders are named in the notes."""
    observations = message.all("OBX")
    return Clinicals(
        weight_kg=next((kg for o in observations if (kg := _weight(o)) is not None), None),
        allergies=unique(_allergies(message)),
        tried_and_failed=tuple(_tried(observations)),
        labs=tuple(_labs(observations)),
        notes="\n".join(_notes(message, further))[:MOST_NOTES] or None,
    )


def _weight(observation: Segment) -> Decimal | None:
    code, words = observation.text(3) or "", _name(observation)
    if code not in WEIGHTS and not _names_weight(f"{code} {words}"):
        return None
    amount = number_of(observation.text(5))
    factor = KILOGRAMS.get((observation.text(6) or "KG").upper())
    return round(amount * factor, 3) if amount is not None and factor is not None else None


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


def _is_history(observation: Segment) -> bool:
    words = _name(observation).lower()
    return "tried" in words or "failed" in words or "prior therap" in words


def _labs(observations: Iterable[Segment]) -> Iterator[Lab]:
    for observation in observations:
        value = coded_text(observation.value(5))
        plain = observation.text(2) in RESULTS and not _is_history(observation)
        if plain and value and _name(observation) and _weight(observation) is None:
            yield Lab(
                name=_name(observation),
                value=value,
                unit=observation.text(6),
                taken_on=date_of(observation.text(14)),
            )


def _notes(message: Message, further: Sequence[Order]) -> Iterator[str]:
    """RF1-10, NTE-3, text observations, authorisations; then what else the message orders."""
    if reason := coded_text(message.first("RF1").value(10)):
        yield f"Reason: {reason}"
    for segment in message.segments:
        if segment.name == "NTE":
            yield from unique(value.text() for value in segment.values(3))
        elif segment.name == "OBX" and segment.text(2) in TEXTS and not _is_history(segment):
            yield from unique(value.text() for value in segment.values(5))
        elif segment.name == "AUT" and (number := segment.text(6)):
            yield f"Authorization: {number}"
    for order in further:
        yield f"Also ordered in the same message: {text_of(order)}"


def _name(observation: Segment) -> str:
    return coded_text(observation.value(3)) or ""
