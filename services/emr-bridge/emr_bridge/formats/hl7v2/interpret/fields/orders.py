"""One order of a message, and how what was taken from it is noted."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from emr_bridge.formats.hl7v2.interpret.sources import Sources
from emr_bridge.formats.hl7v2.message import Segment, Value

Said = TypeVar("Said")


@dataclass(frozen=True, slots=True)
class Order:
    """The segments of one order: from one ORC, or one drug, to the next."""

    segments: Sequence[Segment]
    _first: dict[str, Segment] = field(default_factory=dict, init=False, compare=False, repr=False)

    def first(self, name: str) -> Segment:
        """Return the first segment of that name, an empty one when there is none."""
        if name not in self._first:
            other = self.segments[0]
            nothing = Segment(name, "", "", other.separators, other.charset, 0)
            named = (segment for segment in self.segments if segment.name == name)
            self._first[name] = next(named, nothing)
        return self._first[name]


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
