"""What we aim at: a ratio to a baseline of the same run, or a limit."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.harness.series import Row


@dataclass(frozen=True, slots=True)
class Cell:
    """One contender at one width: a row of the table."""

    contender: str
    width: int


@dataclass(frozen=True, slots=True)
class Aim:
    """`ours` beside `baseline`: the ratio of `what` shall be at least (or at most) `bound`.

    Without a baseline the bound is of `what` itself.
    """

    goal: str
    ours: Cell
    bound: float
    baseline: Cell | None = None
    what: str = "rate"
    is_most: bool = False

    def wording(self) -> str:
        """Return the aim as the table shows it."""
        unit = "x" if self.baseline else " ms"
        return f"{'<=' if self.is_most else '>='} {self.bound:g}{unit}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an aim; without a value nothing could be compared."""

    aim: Aim
    ours: float | None
    baseline: float | None
    value: float | None

    @property
    def is_met(self) -> bool | None:
        """Tell whether the aim is met; None where it was not measured."""
        if self.value is None:
            return None
        most = self.aim.is_most
        return self.value <= self.aim.bound if most else self.value >= self.aim.bound


def judge(aim: Aim, rows: Mapping[Cell, "Row"]) -> Verdict:
    """Compare round by round, and take the median of the ratios."""
    ours = rows.get(aim.ours)
    baseline = rows.get(aim.baseline) if aim.baseline else None
    if ours is None or (aim.baseline and baseline is None):
        return Verdict(aim, ours.median(aim.what) if ours else None, None, None)
    own = ours.taken(aim.what)
    if baseline is None:
        return Verdict(aim, ours.median(aim.what), None, ours.median(aim.what))
    theirs = baseline.taken(aim.what)
    ratios = [mine / other for mine, other in zip(own, theirs, strict=False) if other]
    ratio = median(ratios) if ratios else None
    return Verdict(aim, ours.median(aim.what), baseline.median(aim.what), ratio)
