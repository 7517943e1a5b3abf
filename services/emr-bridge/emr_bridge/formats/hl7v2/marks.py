"""By what numbers a message is searched: the patient's, and the placer's for the order."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from emr_bridge.formats.hl7v2.message import Message

Kind = Literal["patient", "placer"]

PLACES: tuple[tuple[Kind, str, int], ...] = (
    ("patient", "PID", 2),
    ("patient", "PID", 3),
    ("patient", "PID", 4),
    ("patient", "MRG", 1),
    ("placer", "RF1", 6),
    ("placer", "ORC", 2),
    ("placer", "ORC", 4),
    ("placer", "OBR", 2),
    ("placer", "SCH", 1),
    ("placer", "SCH", 26),
    ("placer", "TXA", 14),
)
MOST = 50
"""A message of many orders is found by its first."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One number, as it is compared: case and outer blanks do not count."""

    kind: Kind
    value: str

    @property
    def text(self) -> str:
        """What its keyed hash is made of."""
        return f"{self.kind}:{self.value.strip().casefold()}"


def marks_of(message: Message) -> tuple[Mark, ...]:
    """Return a message's numbers, each once."""
    return tuple(dict.fromkeys(_marks(message)))[:MOST]


def _marks(message: Message) -> Iterator[Mark]:
    for kind, name, number in PLACES:
        for segment in message.all(name):
            for value in segment.values(number):
                if found := value.component(1):
                    yield Mark(kind, found.casefold())
