"""What one link's EMR writes elsewhere or in codes of its own: configuration, applied to one message.

A place that a link names is believed before ours; where it is empty, ours are looked through.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from common.events.overrides import CODE_SETS, KEYS, PLACE, faults
from common.events.submission import Identifier, Submission
from emr_bridge.formats.hl7v2.interpret.fields.observed import plain
from emr_bridge.formats.hl7v2.interpret.fields.patient import SEXES
from emr_bridge.formats.hl7v2.interpret.fields.values import (
    date_of,
    integer_of,
    name_of,
    number_of,
    phone_of,
)
from emr_bridge.formats.hl7v2.interpret.sources import Sources
from emr_bridge.formats.hl7v2.message import Message, Segment, Value

ORDER_NUMBER = "order_number"
WRITTEN_FAMILY_FIRST = ("PRD", "CTD", "NK1", "PID")
"""Segments whose names are XPN: the family name is their first component, not the second (XCN)."""

RXNORM = "/medication/rxnorm"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands, as a link names it; `system` is what its code belongs to."""

    segment: str
    occurrence: int | None
    field: int
    component: int | None
    subcomponent: int
    system: str | None = None

    def values(self, message: Message) -> Iterator[Value]:
        """Yield what stands there, each repetition of each segment that is meant."""
        for segment in message.all(self.segment):
            if self.occurrence in (None, segment.occurrence):
                yield from segment.values(self.field)

    def text(self, value: Value) -> str | None:
        """Return the component that is meant; without one the first."""
        return value.component(self.component or 1, self.subcomponent)


Read = Callable[[Place, Value], Any]


def _text(place: Place, value: Value) -> str | None:
    return place.text(value)


def _name(place: Place, value: Value) -> str | None:
    if place.component:
        return place.text(value)
    return name_of(value, first=1 if place.segment in WRITTEN_FAMILY_FIRST else 2)


def _words(place: Place, value: Value) -> tuple[str, ...] | None:
    return tuple((place.text(value) or "").split()) or None


def _phones(place: Place, value: Value) -> tuple[str, ...] | None:
    phone = place.text(value) if place.component else phone_of(value)
    return (phone,) if phone else None


def _phone(place: Place, value: Value) -> str | None:
    return next(iter(_phones(place, value) or ()), None)


def _whole(place: Place, value: Value) -> int | None:
    return integer_of(place.text(value))


def _amount(place: Place, value: Value) -> Decimal | None:
    return number_of(place.text(value))


READERS: Mapping[str, Read] = {
    "patient.given_names": _words,
    "patient.birth_date": lambda place, value: date_of(place.text(value)),
    "patient.sex": lambda place, value: SEXES.get((place.text(value) or "").upper()[:1]),
    "patient.phone": _phones,
    "prescriber.name": _name,
    "prescriber.phone": _phone,
    "prescriber.fax": _phone,
    "contact.name": _name,
    "contact.phone": _phone,
    "drug.quantity": _amount,
    "drug.days_supply": _whole,
    "drug.refills": _whole,
}
"""How a value is read; every other is text."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """A link's own places and codes; `errors` says what of them cannot be used, by key."""

    places: Mapping[str, tuple[Place, ...]] = field(default_factory=dict)
    codes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(
        cls, places: Mapping[str, str], codes: Mapping[str, Mapping[str, str]]
    ) -> "Overrides":
        """Read a link's configuration: `{"prescriber.npi": "ORC-12.1, OBR-16.1"}`; never raises."""
        wrong = faults(places, codes)
        usable = {key: text for key, text in places.items() if f"overrides/{key}" not in wrong}
        return cls(
            {key: tuple(map(_place, text.split(","))) for key, text in usable.items()},
            {
                name: {code.strip().casefold(): meant for code, meant in table.items()}
                for name, table in codes.items()
                if name in CODE_SETS
            },
            wrong,
        )

    @property
    def findings(self) -> tuple[str, ...]:
        """Return what is told of the configuration with each message."""
        return tuple(f"override_unusable {key}" for key in self.errors)

    def translate(self, message: Message) -> Message:
        """Return the message with the link's own codes replaced by the standard's."""
        if not self.codes:
            return message
        fields = [(place, table) for name, table in self.codes.items() for place in CODE_SETS[name]]
        segments = tuple(_translated(segment, fields) for segment in message.segments)
        return replace(message, segments=segments)

    def order_numbers(self, message: Message, sources: Sources) -> tuple[Identifier, ...]:
        """Return the order's number where the link says that it stands."""
        for place in self.places.get(ORDER_NUMBER, ()):
            for value in place.values(message):
                if number := place.text(value):
                    sources.move(KEYS[ORDER_NUMBER], value.place)
                    return (Identifier(value=number, system=value.component(2), type="PLAC"),)
        return ()

    def apply(self, submission: Submission, message: Message, sources: Sources) -> Submission:
        """Return the submission with the link's own places read into it."""
        if not self.places:
            return submission
        data = submission.model_dump(exclude_unset=True)
        for key in self.places.keys() - {ORDER_NUMBER}:
            if taken := _first(self.places[key], message, READERS.get(key, _text)):
                place, value, said = taken
                pointer = RXNORM if _is_rxnorm(key, place) else KEYS[key]
                _put(data, pointer, said)
                sources.move(pointer, value.place)
        if "contact" in data and not (data["contact"] or {}).get("name"):
            data["contact"] = None
        return Submission.model_validate(data)


NONE = Overrides()


def _place(written: str) -> Place:
    found = PLACE.fullmatch(written.strip())
    if found is None:
        raise AssertionError("the places were checked")  # pragma: no cover
    number = {name: int(text) for name, text in found.groupdict().items() if (text or "").isdigit()}
    return Place(
        found["segment"],
        number.get("occurrence"),
        number["field"],
        number.get("component"),
        number.get("subcomponent", 1),
        found["system"],
    )


def _first(
    places: Iterable[Place], message: Message, read: Read
) -> tuple[Place, Value, Any] | None:
    for place in places:
        for value in place.values(message):
            if (said := read(place, value)) is not None:
                return place, value, said
    return None


def _is_rxnorm(key: str, place: Place) -> bool:
    return key == "drug.code" and plain(place.system) in {"RXNORM", "RXN", "RXCUI"}


def _put(data: dict[str, Any], pointer: str, said: Any) -> None:
    """Write a value of the submission, or of the first of a list in it."""
    root, *first, name = pointer.strip("/").split("/")
    if not first:
        data[root] = {**(data.get(root) or {}), name: said}
        return
    items: list[dict[str, Any]] = list(data.get(root) or [{}])
    known, *rest = items
    # The words of another code would be wrong beside this one.
    kept: dict[str, Any] = {} if name == "code" and known.get("code") != said else known
    data[root] = [kept | {name: said}, *rest]


def _translated(
    segment: Segment, fields: list[tuple[tuple[str, int, tuple[int, ...]], Mapping[str, str]]]
) -> Segment:
    for (name, number, components), table in fields:
        if segment.name == name and segment.field(number):
            segment = _with_codes(segment, number, components, table)
    return segment


def _with_codes(
    segment: Segment, number: int, components: tuple[int, ...], table: Mapping[str, str]
) -> Segment:
    marks = segment.separators
    repetitions = []
    for value in segment.field(number).split(marks.repetition or "\0"):
        parts = value.split(marks.component)
        for component in components:
            meant = (
                table.get(parts[component - 1].strip().casefold())
                if component <= len(parts)
                else None
            )
            if meant is not None:
                parts[component - 1] = marks.escaped(meant)
        repetitions.append(marks.component.join(parts))
    fields = segment.raw.split(marks.field)
    fields[number] = marks.repetition.join(repetitions)
    return replace(segment, raw=marks.field.join(fields))
