"""One thing that was looked at."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what was found, and what to do about it where it is off."""

    place: str
    check: str
    told: str
    todo: str = ""

    @property
    def is_off(self) -> bool:
        """Whether somebody has to do something."""
        return bool(self.todo)

    def row(self) -> dict[str, Any]:
        """Return it as it is printed."""
        return {"state": "off" if self.is_off else "ok"} | asdict(self)
