"""One order of a message, and how what was taken from it is noted."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from emr_bridge.formats.hl7v2.interpret.sources import Sources
from emr_bridge.formats.hl7v2.reader import Segment, Value

Said = TypeVar("Said")

Order = tuple[Segment, ...]
"""The segments of one order: from one ORC, or one drug, to the next."""


def first(order: Sequence[Segment], name: str) -> Segment:
    """Return an order's first segment of that name, an empty one when there is none."""
    nothing = Segment(name, "", "", order[0].separators, order[0].charset, 0)
    return next((segment for segment in order if segment.name == name), nothing)


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
