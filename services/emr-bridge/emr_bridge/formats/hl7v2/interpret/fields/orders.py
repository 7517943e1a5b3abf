"""One order of a message, and how what was taken from it is noted."""

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TypeVar

from emr_bridge.formats.hl7v2.interpret.fields.observed import plain
from emr_bridge.formats.hl7v2.interpret.fields.values import codes
from emr_bridge.formats.hl7v2.interpret.sources import Sources
from emr_bridge.formats.hl7v2.message import NO_SEGMENT, Segment, Value

Said = TypeVar("Said")

NDC_SYSTEMS = {plain(name) for name in ("NDC", "ND", "N", "NDC11", "2.16.840.1.113883.6.69")}
RXNORM_SYSTEMS = {plain(name) for name in ("RXNORM", "RXN", "RXCUI", "2.16.840.1.113883.6.88")}
DRUG_SYSTEMS = NDC_SYSTEMS | RXNORM_SYSTEMS
PLACES = (("RXE", 2), ("RXO", 1), ("RXD", 2), ("RXC", 2))
"""Where the drug stands, in the order in which it is believed."""


@dataclass(slots=True)
class Order:
    """The segments of one order: from one ORC, or one drug, to the next."""

    segments: Sequence[Segment]
    _named: dict[str, Segment] = field(init=False, compare=False, repr=False)
    _drug: list[Value] | None = field(default=None, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Find the first segment of each name."""
        self._named = {segment.name: segment for segment in reversed(self.segments)}

    @property
    def drug(self) -> list[Value]:
        """The fields that name the drug: pharmacy segments, else a service coded as a drug."""
        if self._drug is None:
            named = [self.first(name).value(number) for name, number in PLACES]
            service = self.first("OBR").value(4)
            if any(plain(system) in DRUG_SYSTEMS for _, _, system in codes(service)):
                named.append(service)
            self._drug = [value for value in named if value.raw]
        return self._drug

    def first(self, name: str) -> Segment:
        """Return the first segment of that name, an empty one when there is none."""
        return self._named.get(name, NO_SEGMENT)

    def has(self, names: AbstractSet[str]) -> bool:
        """Tell whether any segment has one of the names."""
        return not names.isdisjoint(self._named)


@dataclass(frozen=True, slots=True)
class Taken:
    """Notes under a drug's field where its value stood."""

    sources: Sources

    def first(
        self, name: str, values: Iterable[Value], read: Callable[[Value], Said | None]
    ) -> Said | None:
        """Return the first value that reads as anything."""
        for value in values:
            found = read(value)
            if found is not None or value.is_null:
                self.sources.note(f"/medication/{name}", value)
            if found is not None:
                return found
        return None

    def by(self, name: str) -> Callable[[Value], None]:
        """Return what notes a value under the field."""
        return lambda value: self.sources.note(f"/medication/{name}", value)
