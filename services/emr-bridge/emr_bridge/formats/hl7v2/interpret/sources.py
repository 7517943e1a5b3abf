"""Where each value of a message was found, and which values its sender deletes.

Keyed by the JSON pointer of the submission (`/patient/birth_date`); holds places, never values.
"""

from collections.abc import Callable, Iterable
from itertools import islice

from emr_bridge.formats.hl7v2.message import Value
from emr_bridge.formats.hl7v2.separators import NULL

MOST_PLACES = 5
"""Places told of one value: of a hundred notes the first few say enough."""


class Sources:
    """Collects places while one message is read."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._found: dict[str, dict[str, None]] = {}
        self._deleted: dict[str, None] = {}

    def note(self, pointer: str, *values: Value, component: int = 0) -> None:
        """Note that these values were taken for the pointer; of a null one, that it is deleted."""
        for value in values:
            if value.raw == NULL:
                self._deleted[pointer] = None
            elif value.raw and value.place:
                place = f"{value.place}.{component}" if component else value.place
                self._found.setdefault(pointer, {})[place] = None

    def note_place(self, pointer: str, place: str) -> None:
        """Note a place that is no single field's."""
        self._found.setdefault(pointer, {})[place] = None

    def text(self, pointer: str, values: Iterable[Value], *, component: int = 1) -> str | None:
        """Return the first text among the values' component, noting where it stands."""
        return self.take(pointer, values, lambda value: value.component(component))

    def take(
        self, pointer: str, values: Iterable[Value], read: Callable[[Value], str | None]
    ) -> str | None:
        """Return what `read` makes of the first value of which it makes anything, noting where."""
        for value in values:
            found = read(value)
            if found or value.is_null:
                self.note(pointer, value)
            if found:
                return found
        return None

    def move(self, pointer: str, place: str) -> None:
        """Note that a value was taken from this place after all."""
        self._found[pointer] = {place: None}

    @property
    def places(self) -> dict[str, str]:
        """Return the places of what was found, by pointer, such as `PRD[1]-2`."""
        return {
            pointer: ", ".join(islice(places, MOST_PLACES))
            for pointer, places in sorted(self._found.items())
        }

    @property
    def deleted(self) -> tuple[str, ...]:
        """Return the pointers of what the sender deletes: null, and found nowhere else."""
        return tuple(pointer for pointer in self._deleted if pointer not in self._found)
