"""What is odd about a message, by the standard's own definitions. Tells places and codes, never values."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from emr_bridge.formats.hl7v2.message import HEADERS, NO_NAME, Message, Segment
from emr_bridge.formats.hl7v2.naming import definitions
from emr_bridge.formats.hl7v2.naming.definitions import Part
from emr_bridge.formats.hl7v2.naming.masking import is_known
from emr_bridge.formats.hl7v2.naming.sheet import fields_of, place_of

Severity = Literal["error", "warning", "info"]

TIME = re.compile(
    r"\d{4}((0[1-9]|1[0-2])((0[1-9]|[12]\d|3[01])"
    r"(([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,4})?)?)?)?)?)?([+-]\d{4})?",
    re.ASCII,
)
NUMBER = re.compile(r"[+-]?\d*\.?\d+", re.ASCII)
FORMS = {
    "DT": re.compile(r"\d{4}((0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])?)?", re.ASCII),
    "DTM": TIME,
    "TS": TIME,
    "TM": re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,4})?)?)?([+-]\d{4})?", re.ASCII),
    "NM": NUMBER,
    "SI": re.compile(r"\d{1,4}", re.ASCII),
}
"""What a value of these data types looks like."""

VITAL = frozenset({("MSH", 9), ("MSH", 10), ("MSH", 12), ("PID", 3), ("PID", 5)})
"""Without these a message cannot be told apart, or its patient not be found."""

SOURCES = {"RDE_O25": "RDE_O11", "REF_I13": "REF_I12", "REF_I14": "REF_I12", "REF_I15": "REF_I12"}
"""Structures that share another's definition (table 0354), as far as senders write them."""

REPAIRS = {
    "byte_order_mark": "a byte order mark stands before MSH",
    "line_ends": "segments must end with a carriage return (0x0D) alone",
    "separators": "MSH-2 does not name usable separators",
    "doubled_backslash": "MSH-2 has a doubled backslash: an escape of source code leaked",
    "wrapped_line": "a line end stands inside a field; write it as \\.br\\",
    "charset_mislabelled": "the bytes are not in the character set that is named or agreed",
    "unknown_charset": "MSH-18 names no character set of table 0211",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One oddity: where, how bad, a code for programs and a sentence for people."""

    place: str
    severity: Severity
    code: str
    text: str


def lint(message: Message) -> tuple[Fault, ...]:
    """Return everything that is odd, in the message's order. Never raises."""
    header = message.first("MSH")
    if not header.raw:
        return (Fault("MSH", "error", "no_header", "there is no MSH segment"),)
    told = header.text(12) or ""
    version = definitions.nearest(told)
    return (
        *_repaired(message),
        *_version(told, version),
        *_structure(message, header, version),
        *_segments(message, version),
    )


def _repaired(message: Message) -> Iterator[Fault]:
    for repair in message.repairs:
        code, _, place = repair.partition(" ")
        yield Fault(place or "MSH", "warning", code, REPAIRS.get(code, code.replace("_", " ")))


def _version(told: str, used: str) -> Iterator[Fault]:
    if told and told != used:
        text = f"the version is not one of HL7's; judged by {used}"
        yield Fault("MSH-12", "warning", "unknown_version", text)


def _structure(message: Message, header: Segment, version: str) -> Iterator[Fault]:
    kind = "_".join(part for part in (header.text(9, 1), header.text(9, 2)) if part)
    named = header.text(9, 3)
    name = named or SOURCES.get(kind, kind)
    if not named and header.text(9, 2):
        yield Fault(
            "MSH-9.3", "info", "no_structure", f"the structure is not named; read as {name}"
        )
    known, needed = definitions.structure(name, version)
    if not known:
        text = "the message's structure is not in the standard's tables; only fields are judged"
        yield Fault("MSH-9", "info", "unknown_structure", text)
        return
    present = Counter(segment.name for segment in message.segments)
    for missing in (segment for segment in needed if not present[segment]):
        yield Fault(missing, "error", "segment_missing", f"{name} needs {missing}")
    for extra in (segment for segment in present if segment not in known):
        if not extra.startswith("Z") and definitions.segment(extra, version):
            yield Fault(extra, "info", "segment_unexpected", f"{name} has no place for {extra}")


def _segments(message: Message, version: str) -> Iterator[Fault]:
    for segment in message.segments:
        place = place_of(segment)
        fields = definitions.segment(segment.name, version)
        if fields:
            yield from _missing(segment, place, fields)
            yield from _fields(segment, place, fields, version)
        elif segment.told_name == NO_NAME:
            yield Fault(
                NO_NAME, "error", "no_segment", "a line does not begin with a segment's name"
            )
        elif not segment.name.startswith("Z"):
            yield Fault(place, "warning", "unknown_segment", f"HL7 {version} has no such segment")


def _missing(segment: Segment, place: str, fields: tuple[Part, ...]) -> Iterator[Fault]:
    for number, field in enumerate(fields, start=1):
        if field.least and not segment.field(number):
            is_vital = (segment.name, number) in VITAL
            severity: Severity = "error" if is_vital else "warning"
            yield Fault(f"{place}-{number}", severity, "field_missing", f"{field.name} is required")


def _fields(
    segment: Segment, place: str, fields: tuple[Part, ...], version: str
) -> Iterator[Fault]:
    for number, field, raw in fields_of(segment, version):
        if segment.name in HEADERS and number <= 2:
            continue
        where = f"{place}-{number}"
        if number > len(fields):
            text = f"{segment.name} has {len(fields)} fields in HL7 {version}"
            yield Fault(where, "info", "field_beyond", text)
            return
        if field.most == 1 and len(segment.values(number)) > 1:
            yield Fault(where, "warning", "field_repeats", f"{field.name} may stand once")
        yield from _values(segment, number, field, where, version)


def _values(
    segment: Segment, number: int, field: Part, where: str, version: str
) -> Iterator[Fault]:
    leaf = field.part(1) if field.parts else field
    for value in segment.values(number):
        text = value.component(1) or ""
        form = FORMS.get(leaf.data_type)
        if text and form and not form.fullmatch(text):
            told = f"{field.name} is not of type {leaf.data_type}"
            yield Fault(where, "warning", "data_type", told)
        closed = leaf.data_type == "ID" and definitions.table_codes(leaf.table, version)
        if text and closed and not is_known(leaf.table, text, version):
            table = leaf.table.removeprefix("HL7")
            yield Fault(where, "warning", "not_in_table", f"the code is not in table {table}")
