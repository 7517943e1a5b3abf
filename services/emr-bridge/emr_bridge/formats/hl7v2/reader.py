"""A fast, lossless reader of ER7: any bytes become a Message, nothing is thrown away or raised.

Fields are cut only when they are asked for; a message's own separators are used throughout.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from emr_bridge.formats.hl7v2.charset import decode
from emr_bridge.formats.hl7v2.separators import NULL, Separators, read_separators

BOM = "\ufeff"
LINE_END = re.compile(r"[\r\n]")
LINE_ENDS = ("\r\n", "\n", "\r")
HEADER = re.compile(r"(?:^|(?<=[\r\n\ufeff]))(MSH|FHS|BHS)")
HEADERS = ("MSH", "FHS", "BHS")

MOST_REPAIRS = 20
"""Places named for one kind of repair; the kind is told in any case."""

MOST_SEGMENTS = 50_000
MOST_PARTS = 1_000
"""What is beyond stays uncut in the last one: nothing is lost, and memory stays bounded."""


@dataclass(frozen=True, slots=True)
class Value:
    """One repetition of a field: components, subcomponents, and its text as written."""

    raw: str
    separators: Separators
    charset: str
    place: str = field(default="", compare=False)
    """Where it stands, such as `PID[1]-3` or, from the second repetition on, `PID[1]-3[2]`."""

    @property
    def is_null(self) -> bool:
        r"""Tell whether the sender asks to delete what is there (`\"\"`)."""
        return self.raw == NULL

    @property
    def components(self) -> list[str]:
        """The components as written."""
        return _cut(self.raw, self.separators.component)

    def component(self, number: int, subcomponent: int = 1) -> str | None:
        """Return the text of a component (counted from 1); None when empty or null."""
        components = self.components
        raw = components[number - 1] if number <= len(components) else ""
        parts = _cut(raw, self.separators.subcomponent)
        part = parts[subcomponent - 1] if subcomponent <= len(parts) else ""
        return None if part in ("", NULL) else self._plain(part)

    def text(self) -> str | None:
        """Return the whole repetition as text, its separators left in; None when empty or null."""
        return None if self.raw in ("", NULL) else self._plain(self.raw)

    def _plain(self, raw: str) -> str | None:
        return self.separators.unescape(raw, self.charset).strip() or None


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: its name, its text as written, and what ended its line."""

    name: str
    raw: str
    ending: str
    separators: Separators
    charset: str
    occurrence: int = 1
    """Which of its name it is in the message, counted from 1."""
    _fields: list[str] = field(default_factory=list, compare=False, repr=False)

    def field(self, number: int) -> str:
        """Return a field as written; empty when it is not there. MSH-1 is the separator itself."""
        fields = self._cut()
        return fields[number] if 0 <= number < len(fields) else ""

    def values(self, number: int) -> list[Value]:
        """Return the repetitions of a field that hold anything."""
        return [
            Value(raw, self.separators, self.charset, self.place(number, repetition))
            for repetition, raw in enumerate(
                _cut(self.field(number), self.separators.repetition), start=1
            )
            if raw
        ]

    def place(self, number: int, repetition: int = 1) -> str:
        """Return how a field's place is called: `PRD[1]-2`, and `PID[1]-3[2]` for a repetition."""
        again = f"[{repetition}]" if repetition > 1 else ""
        return f"{self.name}[{self.occurrence}]-{number}{again}"

    def value(self, number: int) -> Value:
        """Return the first repetition of a field, an empty one when there is none."""
        return next(iter(self.values(number)), Value("", self.separators, self.charset))

    def text(self, number: int, component: int = 1) -> str | None:
        """Return one component of a field's first repetition; None when empty or null."""
        return self.value(number).component(component)

    def _cut(self) -> list[str]:
        if not self._fields:
            fields = _cut(self.raw, self.separators.field)
            if self.name in HEADERS:
                fields.insert(1, self.separators.field)
            self._fields.extend(fields)
        return self._fields


@dataclass(frozen=True, slots=True)
class Message:
    """A message as read: its segments in order, and what had to be repaired to read it."""

    separators: Separators
    charset: str
    segments: tuple[Segment, ...]
    prelude: str = ""
    repairs: tuple[str, ...] = ()

    def first(self, name: str) -> Segment:
        """Return the first segment of that name, an empty one when there is none."""
        nothing = Segment(name, "", "", self.separators, self.charset, 0)
        return next((segment for segment in self.segments if segment.name == name), nothing)

    def all(self, name: str) -> list[Segment]:
        """Return every segment of that name."""
        return [segment for segment in self.segments if segment.name == name]

    def to_bytes(self) -> bytes:
        """Return the very bytes that were read."""
        body = "".join(segment.raw + segment.ending for segment in self.segments)
        return (self.prelude + body).encode(self.charset)


def read(raw: bytes, *, default_charset: str = "utf-8") -> Message:
    """Read any bytes; `default_charset` is the link's, for senders who leave MSH-18 empty."""
    decoded = decode(raw, _declared_charset(raw), default_charset)
    start = _header_start(decoded.text)
    prelude, body = decoded.text[:start], decoded.text[start:]
    separators, repaired = _separators(body)
    segments = _segments(body, separators, decoded.charset)
    repairs = (*decoded.repairs, *_repairs(prelude, segments, repaired))
    return Message(separators, decoded.charset, segments, prelude, repairs)


def _repairs(prelude: str, segments: Sequence[Segment], separators: str | None) -> Iterator[str]:
    """Name what had to be overlooked or mended: a code, and the place where there is one."""
    yield from ("byte_order_mark",) if prelude.startswith(BOM) else ()
    yield from ("text_before_header",) if prelude.lstrip(BOM).strip() else ()
    yield from (f"{separators} MSH-2",) if separators else ()
    yield from ("line_ends",) if any("\n" in segment.ending for segment in segments) else ()
    blank = (one for one in segments if one.ending and one.ending not in LINE_ENDS)
    wrapped = (one for one in segments if LINE_END.search(one.raw))
    for code, where in (("blank_line", blank), ("wrapped_line", wrapped)):
        yield from (f"{code} {one.name}[{one.occurrence}]" for one in islice(where, MOST_REPAIRS))


def _declared_charset(raw: bytes) -> str:
    """MSH-18 has to be known before the text is: read it from the bytes of the first line."""
    start = raw.find(b"MSH")
    line = re.split(rb"[\r\n]", raw[start : start + 8192], maxsplit=1)[0] if start >= 0 else b""
    fields = line.split(line[3:4]) if len(line) > 3 else []
    return fields[17].decode("latin-1") if len(fields) > 17 else ""


def _header_start(text: str) -> int:
    """Where the first header begins; without one, after a byte order mark."""
    found = HEADER.search(text)
    return found.start(1) if found else len(BOM) * text.startswith(BOM)


def _separators(body: str) -> tuple[Separators, str | None]:
    mark = body[3:4]
    if not HEADER.match(body) or not mark or mark.isalnum() or mark.isspace():
        return Separators(), None
    header = LINE_END.split(body[:8192], maxsplit=1)[0]
    return read_separators(mark, header[4:].split(mark, 1)[0])


def _segments(body: str, separators: Separators, charset: str) -> tuple[Segment, ...]:
    """Cut at line ends that a segment's name follows; wrapped text stays with its segment."""
    mark = re.escape(separators.field)
    boundary = re.compile(
        rf"(?:\r\n|\n|\r)[\r\n\t ]*(?=[A-Z][A-Z0-9]{{2}}(?:{mark}|[\r\n]|$)|$)", re.ASCII
    )
    lines, start = [], 0
    for found in islice(boundary.finditer(body), MOST_SEGMENTS):
        lines.append((body[start : found.start()], found.group()))
        start = found.end()
    if start < len(body):
        lines.append((body[start:], ""))
    seen: Counter[str] = Counter()
    segments = []
    for raw, ending in lines:
        seen[raw[:3]] += 1
        segments.append(Segment(raw[:3], raw, ending, separators, charset, seen[raw[:3]]))
    return tuple(segments)


def _cut(text: str, separator: str) -> list[str]:
    return text.split(separator, MOST_PARTS) if separator else [text]
