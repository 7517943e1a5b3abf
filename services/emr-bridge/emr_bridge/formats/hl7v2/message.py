"""A message as read: segments, fields and their parts, each as written and as text.

Fields are cut only when they are asked for, and once; a message's own separators are used
throughout. Segments and values are not frozen, as a frozen one takes twice as long to make: nobody
changes one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from emr_bridge.formats.hl7v2.separators import NULL, Separators

HEADERS = ("MSH", "FHS", "BHS")

NAME = re.compile(r"[A-Z][A-Z0-9]{2}", re.ASCII)
NO_NAME = "???"
"""What is no segment's name may be a piece of a person's: it is told as this."""

MOST_PARTS = 1_000
"""What is beyond stays uncut in the last one: nothing is lost, and memory stays bounded."""

Component = str | list[str]
"""As written; its subcomponents where it has several."""

Field = str | Sequence[Sequence[Component]]
"""As written where no separator is in it; else its repetitions, each of components."""


@dataclass(slots=True)
class Value:
    """One repetition of a field: components, subcomponents, and its text as written."""

    raw: str
    separators: Separators
    charset: str
    place: str = field(default="", compare=False)
    """Where it stands, such as `PID[1]-3` or, from the second repetition on, `PID[1]-3[2]`."""
    _texts: list[str] | None = field(default=None, init=False, compare=False, repr=False)

    @property
    def is_null(self) -> bool:
        r"""Tell whether the sender asks to delete what is there (`\"\"`)."""
        return self.raw == NULL

    @property
    def components(self) -> list[str]:
        """The components as written."""
        return self.raw.split(self.separators.component, MOST_PARTS)

    @property
    def texts(self) -> list[str]:
        """The text of each component, of its first subcomponent; empty where it is empty or null."""
        if self._texts is None:
            raw, marks = self.raw, self.separators
            parts = raw.split(marks.component, MOST_PARTS)
            if marks.subcomponent and marks.subcomponent in raw:
                parts = [one.partition(marks.subcomponent)[0] for one in parts]
            is_plain = marks.escape not in raw and NULL not in raw
            self._texts = list(map(str.strip if is_plain else self._plain, parts))
        return self._texts

    def component(self, number: int, subcomponent: int = 1) -> str | None:
        """Return the text of a component (counted from 1); None when empty or null."""
        if subcomponent > 1:
            components = self.components
            raw = components[number - 1] if number <= len(components) else ""
            return self._part(raw, subcomponent) or None
        texts = self._texts or self.texts
        return (texts[number - 1] or None) if number <= len(texts) else None

    def several(self, first: int, last: int) -> list[str]:
        """Return the texts of components, one for each number; empty where there is none."""
        texts = (self._texts or self.texts)[first - 1 : last]
        return texts + [""] * (last - first + 1 - len(texts))

    def text(self) -> str | None:
        """Return the whole repetition as text, its separators left in; None when empty or null."""
        return self._plain(self.raw) or None

    def _part(self, component: str, subcomponent: int) -> str:
        parts = _cut(component, self.separators.subcomponent)
        return self._plain(parts[subcomponent - 1]) if subcomponent <= len(parts) else ""

    def _plain(self, raw: str) -> str:
        if raw == NULL:
            return ""
        if self.separators.escape in raw:
            raw = self.separators.unescape(raw, self.charset)
        return raw.strip()


NOTHING = Value("", Separators(), "utf-8")
"""What stands in a field that is empty or not there."""


@dataclass(slots=True)
class Segment:
    """One segment: its name, its text as written, and what ended its line."""

    name: str
    raw: str
    ending: str
    separators: Separators
    charset: str
    occurrence: int = 1
    """Which of its name it is in the message, counted from 1."""
    _fields: list[str] | None = field(default=None, init=False, compare=False, repr=False)
    _values: dict[int, Sequence[Value]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    @property
    def told_name(self) -> str:
        """Its name as findings and sheets may tell it."""
        return self.name if NAME.fullmatch(self.name) else NO_NAME

    @property
    def fields(self) -> list[str]:
        """The fields as written, by number: before the first stands the segment's name."""
        if self._fields is None:
            self._fields = self.raw.split(self.separators.field, MOST_PARTS)
            if self.name in HEADERS:
                self._fields.insert(1, self.separators.field)
        return self._fields

    def field(self, number: int) -> str:
        """Return a field as written; empty when it is not there. MSH-1 is the separator itself."""
        fields = self._fields or self.fields
        return fields[number] if 0 <= number < len(fields) else ""

    def values(self, number: int) -> Sequence[Value]:
        """Return the repetitions of a field that hold anything."""
        return self._values.get(number) or self._cut_values(number)

    def _cut_values(self, number: int) -> Sequence[Value]:
        fields, marks = self._fields or self.fields, self.separators
        raw = fields[number] if number < len(fields) else ""
        if not raw:
            return []
        place = f"{self.name}[{self.occurrence}]-{number}"
        if marks.repetition and marks.repetition in raw:
            # Not remembered: there may be a thousand in each segment.
            return [
                Value(
                    one, marks, self.charset, f"{place}[{repetition}]" if repetition > 1 else place
                )
                for repetition, one in enumerate(_cut(raw, marks.repetition), start=1)
                if one
            ]
        self._values[number] = values = [Value(raw, marks, self.charset, place)]
        return values

    def cut(self) -> list[Field]:
        """Return every field, by number, down to its subcomponents as written."""
        marks, fields = self.separators, self.fields
        mark, again, inner = marks.component, marks.repetition, marks.subcomponent
        cut: list[Field]
        if again in self.raw or inner in self.raw:
            cut = [
                raw
                if not raw
                else _cut_field(raw, marks)
                if again in raw or inner in raw
                else (raw.split(mark, MOST_PARTS),)
                if mark in raw
                else raw
                for raw in fields
            ]
        else:
            cut = [(raw.split(mark, MOST_PARTS),) if mark in raw else raw for raw in fields]
        if self.name in HEADERS:
            cut[1:3] = fields[1:3]
        return cut

    def value(self, number: int) -> Value:
        """Return the first repetition of a field, an empty one when there is none."""
        values = self._values.get(number) or self._cut_values(number)
        return values[0] if values else NOTHING

    def text(self, number: int, component: int = 1) -> str | None:
        """Return one component of a field's first repetition; None when empty or null."""
        values = self._values.get(number) or self._cut_values(number)
        return values[0].component(component) if values else None


NO_SEGMENT = Segment("", "", "", Separators(), "utf-8", 0)
"""What stands in a message where a segment is not there."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as read: its segments in order, and what had to be repaired to read it."""

    separators: Separators
    charset: str
    segments: tuple[Segment, ...]
    prelude: str = ""
    repairs: tuple[str, ...] = ()
    _named: dict[str, list[Segment]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def first(self, name: str) -> Segment:
        """Return the first segment of that name, an empty one when there is none."""
        found = self.all(name)
        return found[0] if found else NO_SEGMENT

    def all(self, name: str) -> Sequence[Segment]:
        """Return every segment of that name."""
        if not self._named:
            for segment in self.segments:
                self._named.setdefault(segment.name, []).append(segment)
        return self._named.get(name, [])

    def to_bytes(self) -> bytes:
        """Return the very bytes that were read."""
        body = "".join(segment.raw + segment.ending for segment in self.segments)
        return (self.prelude + body).encode(self.charset)


def _cut_field(raw: str, marks: Separators) -> Field:
    repetitions, inner = _cut(raw, marks.repetition), marks.subcomponent
    cut = [one.split(marks.component, MOST_PARTS) for one in repetitions]
    if not inner or inner not in raw:
        return cut
    return [[_cut(one, inner) if inner in one else one for one in components] for components in cut]


def _cut(text: str, separator: str) -> list[str]:
    return text.split(separator, MOST_PARTS) if separator else [text]
