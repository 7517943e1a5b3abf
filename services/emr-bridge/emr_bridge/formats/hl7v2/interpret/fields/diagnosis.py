"""Why: DG1, else the indication that an order names. ICD-10 is preferred among several codings."""

import re
from collections.abc import Iterator

from common.events.submission import Diagnosis
from emr_bridge.formats.hl7v2.interpret.fields.observed import DIAGNOSIS, is_about, plain
from emr_bridge.formats.hl7v2.interpret.fields.values import codes
from emr_bridge.formats.hl7v2.interpret.sources import Sources
from emr_bridge.formats.hl7v2.message import Message, Value

ICD10_SYSTEMS = {"I10", "I10C", "I10CM", "ICD10", "ICD10CM", "10D", plain("2.16.840.1.113883.6.90")}
"""Letters and digits only: senders put hyphens where they like."""

ICD10_FORM = re.compile(r"[A-Z]\d[0-9A-Z](\.?[0-9A-Z]{1,4})?", re.ASCII | re.IGNORECASE)

INDICATIONS = (("RXE", 27), ("RXO", 20), ("OBR", 31), ("ORC", 16), ("RF1", 10), ("PV2", 3))


def read(message: Message, sources: Sources | None = None) -> tuple[Diagnosis, ...]:
    """Return each diagnosis once, in order; codes of other systems are kept as they are."""
    sources = sources or Sources()
    found: dict[str, Diagnosis] = {}
    for value, one in [*_of_dg1(message)] or _of_orders(message):
        if one.code not in found:
            sources.note(f"/diagnoses/{len(found)}", value)
        found[one.code] = one
    sources.note(
        "/diagnoses", *(dg1.value(3) for dg1 in message.all("DG1") if dg1.value(3).is_null)
    )
    return tuple(found.values())


def _of_dg1(message: Message) -> Iterator[tuple[Value, Diagnosis]]:
    for segment in message.all("DG1"):
        for value in segment.values(3):
            if best := _best(value):
                code, text = best
                yield value, Diagnosis(code=code, text=text or segment.text(4))


def _of_orders(message: Message) -> Iterator[tuple[Value, Diagnosis]]:
    """Take an indication only when it is coded in ICD-10: those fields hold anything."""
    for value in _indications(message):
        for code, text, system in codes(value):
            if _is_icd10(system) or (not system and ICD10_FORM.fullmatch(code)):
                yield value, Diagnosis(code=code, text=text)


def _indications(message: Message) -> Iterator[Value]:
    for name, number in INDICATIONS:
        for segment in message.all(name):
            yield from segment.values(number)
    for observation in message.all("OBX"):
        if is_about(observation, DIAGNOSIS):
            yield from observation.values(5)


def _is_icd10(system: str) -> bool:
    return plain(system) in ICD10_SYSTEMS


def _best(value: Value) -> tuple[str, str | None] | None:
    given = codes(value)
    icd10 = [(code, text) for code, text, system in given if _is_icd10(system)]
    other = [(code, text) for code, text, _ in given]
    return next(iter(icd10 + other), None)
