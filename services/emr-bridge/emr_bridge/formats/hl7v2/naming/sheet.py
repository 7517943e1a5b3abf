"""A message as a sheet that people can read: each value with its place, its name and its meaning."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from emr_bridge.formats.hl7v2.message import HEADERS, Component, Message, Segment
from emr_bridge.formats.hl7v2.naming import definitions
from emr_bridge.formats.hl7v2.naming.definitions import UNKNOWN, Part
from emr_bridge.formats.hl7v2.naming.masking import MASK, is_clear
from emr_bridge.formats.hl7v2.naming.meanings import SEGMENTS, meaning
from emr_bridge.formats.hl7v2.separators import NULL

LONGEST = 2_000
"""How much of a value is shown: a document in it has megabytes."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One value: `place` as `PID-3[2].4.1`, and what the standard calls it."""

    place: str
    name: str
    value: str
    meaning: str | None = None
    is_masked: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One segment with its values; an empty field is left out."""

    segment: str
    title: str
    cells: tuple[Cell, ...]


def sheet(message: Message, *, reveal: bool = False) -> tuple[Line, ...]:
    """Return the sheet; what may tell of a person is masked unless `reveal`. Never raises."""
    version = definitions.nearest(message.first("MSH").text(12) or "")
    return tuple(_line(segment, version, reveal=reveal) for segment in message.segments)


def place_of(segment: Segment) -> str:
    """Return a segment's place: its name, with its number from the second on."""
    name, occurrence = segment.told_name, segment.occurrence
    return name if occurrence == 1 else f"{name}[{occurrence}]"


def fields_of(segment: Segment, version: str) -> Iterator[tuple[int, Part, str]]:
    """Yield a segment's fields that hold anything: number, definition, text as written."""
    known = definitions.segment(segment.name, version)
    fields = segment.raw.count(segment.separators.field) + 2
    for number in range(1, min(fields, 1_000)):
        raw = segment.field(number)
        if raw:
            part = known[number - 1] if number <= len(known) else UNKNOWN
            yield number, _typed(segment, number, part, version), raw


def _typed(segment: Segment, number: int, part: Part, version: str) -> Part:
    """OBX-5 is what OBX-2 says."""
    if segment.name != "OBX" or number != 5:
        return part
    told = definitions.data_type(segment.field(2), version)
    return Part(part.name, told.data_type, parts=told.parts)


def _line(segment: Segment, version: str, *, reveal: bool) -> Line:
    cells = tuple(
        Cell(f"{place_of(segment)}-{place}", name, *_shown(*found, reveal=reveal))
        for place, name, found in _leaves(segment, version)
    )
    title = "Local segment" if segment.name.startswith("Z") else SEGMENTS.get(segment.name, "")
    return Line(segment.told_name, title, cells)


Found = tuple[str, int, Part, int, Part, str]


def _leaves(segment: Segment, version: str) -> Iterator[tuple[str, str, Found]]:
    cut = segment.cut()
    for number, field, raw in fields_of(segment, version):
        if segment.name in HEADERS and number <= 2:
            yield str(number), field.name, (segment.name, number, field, 1, field, raw)
            continue
        held = cut[number]
        repetitions = [[held]] if isinstance(held, str) else held
        for repetition, value in enumerate(repetitions, start=1):
            place = f"{number}[{repetition}]" if repetition > 1 else str(number)
            for inner, name, component, leaf, text in _parts(segment, field, value):
                found = (segment.name, number, field, component, leaf, text)
                yield place + inner, name, found


def _parts(
    segment: Segment, field: Part, components: Sequence[Component]
) -> Iterator[tuple[str, str, int, Part, str]]:
    """Yield what one repetition holds: place, name, number of the component, definition, text."""
    marks = segment.separators
    for number, component in enumerate(components, start=1):
        part = field.part(number) if field.parts else (field if number == 1 else UNKNOWN)
        pieces = component if isinstance(component, list) else [component]
        for piece, text in enumerate(pieces, start=1):
            leaf = part.part(piece) if part.parts else (part if piece == 1 else UNKNOWN)
            if text:
                place = _inner(number, piece, len(components), len(pieces))
                names = dict.fromkeys(known.name for known in (field, part, leaf) if known.name)
                plain = text if text == NULL else marks.unescape(text, segment.charset)
                yield place, " / ".join(names), number, leaf, plain


def _inner(component: int, piece: int, components: int, pieces: int) -> str:
    inner = f".{component}" if components > 1 or component > 1 or pieces > 1 else ""
    return f"{inner}.{piece}" if pieces > 1 else inner


def _shown(
    name: str, number: int, field: Part, component: int, leaf: Part, text: str, *, reveal: bool
) -> tuple[str, str | None, bool]:
    if not reveal and not is_clear(name, number, field, component, leaf, text.strip()):
        return MASK, None, True
    table = leaf.table or (field.table if component == 1 else "")
    cut = text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"
    return cut, meaning(table, text.strip()) if table else None, False
