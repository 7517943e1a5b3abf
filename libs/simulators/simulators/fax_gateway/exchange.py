"""The telephone exchange in memory: every fax, where each number is in its script, the outage.

Knows no HTTP and no files; a restart forgets it.
"""

import time
from collections import Counter
from math import inf

from simulators.fax_gateway.behaviour import SCRIPTS, Script, Step, script_for
from simulators.fax_gateway.fax import Fax


class Exchange:
    """What the gateway remembers."""

    def __init__(self) -> None:
        self.faxes: dict[str, Fax] = {}
        self._scripts: dict[str, Script] = {}
        self._taken: Counter[str] = Counter()
        self._down_until = 0.0

    def next_step(self, number: str) -> Step:
        """Take the next step of a number's script; the last one repeats."""
        script = self._scripts.get(number) or script_for(number)
        taken = self._taken[number]
        self._taken[number] += 1
        return script[min(taken, len(script) - 1)]

    def set_behaviour(self, number: str, suffix: str) -> None:
        """Let a number behave as the suffix says, from its first step; KeyError if unlisted."""
        self._scripts[number] = SCRIPTS[suffix]
        self._taken[number] = 0

    def newest_first(self) -> list[Fax]:
        """List all faxes, the youngest first."""
        return list(reversed(self.faxes.values()))

    def times_delivered(self, fax: Fax) -> int:
        """Count the faxes that brought this same document to this number complete."""
        return sum(
            other.to == fax.to
            and other.document.sha256 == fax.document.sha256
            and other.ending is not None
            and other.ending.delivered
            for other in self.faxes.values()
        )

    def begin_outage(self, seconds: float = inf) -> None:
        """Refuse every API call for so many seconds, or until it is ended."""
        self._down_until = time.monotonic() + seconds

    def end_outage(self) -> None:
        """Answer API calls again."""
        self._down_until = 0.0

    def is_down(self) -> bool:
        """Tell whether API calls are refused with 503."""
        return time.monotonic() < self._down_until

    def forget(self) -> None:
        """Become as new: no faxes, no changed behaviour, no outage."""
        self.faxes.clear()
        self._scripts.clear()
        self._taken.clear()
        self.end_outage()
