"""Runs contenders interleaved (A B C, A B C), so that a noisy minute hits all of them."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from statistics import median

from benchmarks.harness.aim import Aim, Cell
from benchmarks.harness.contender import Absent, Contender, Failed, Load, Measure, Sample

Say = Callable[[str], None]

PATIENCE_SECONDS = 60.0
"""What a measurement may take beside its load; then something hangs."""


@dataclass(frozen=True, slots=True)
class Series:
    """Contenders that are compared with each other; `unit` per second, `width` counts what is at a time."""

    name: str
    title: str
    unit: str
    width: str
    contenders: Sequence[Contender]
    aims: Sequence[Aim] = ()
    notes: Sequence[str] = ()
    spread_of: str = "rate"
    """What varies: where the rate is given, `p50_ms`."""


def narrowed(series: Series, text: str) -> Series:
    """Return the series with those contenders whose name holds the text."""
    those = [contender for contender in series.contenders if text in contender.name]
    return replace(series, contenders=those)


@dataclass(slots=True)
class Row:
    """What was measured of one contender at one width, a sample per round."""

    cell: Cell
    samples: list[Sample] = field(default_factory=list)

    def median(self, what: str) -> float | None:
        """Return the median of `rate`, `p50_ms` or `p99_ms`; None where it was not taken."""
        taken = self.taken(what)
        return median(taken) if taken else None

    def spread(self, what: str) -> float:
        """Return (largest - smallest) / median."""
        taken = self.taken(what)
        middle = median(taken) if taken else 0.0
        return (max(taken) - min(taken)) / middle if middle else 0.0

    def taken(self, what: str) -> list[float]:
        """Return the samples of one kind."""
        found = [getattr(sample, what) for sample in self.samples]
        return [value for value in found if value is not None]


@dataclass(slots=True)
class Outcome:
    """A series that was run: its rows, and who could not take part, with the reason."""

    series: Series
    seconds: float
    rounds: int
    rows: dict[Cell, Row] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


async def run(series: Series, *, rounds: int, seconds: float, say: Say) -> Outcome:
    """Make everyone ready, measure each in turn, `rounds` times."""
    outcome = Outcome(series, seconds, rounds)
    async with AsyncExitStack() as stack:
        ready: list[tuple[Contender, Measure]] = []
        for contender in series.contenders:
            say(f"{series.name}: making ready {contender.name}")
            try:
                ready.append((contender, await stack.enter_async_context(contender.ready())))
            except Absent as reason:
                outcome.absent[contender.name] = str(reason)
                say(f"{series.name}: WITHOUT {contender.name}: {reason}")
        for number in range(1, rounds + 1):
            for contender, measure in ready:
                for width in contender.widths:
                    say(f"{series.name}: round {number} of {rounds}: {contender.name} at {width}")
                    cell = Cell(contender.name, width)
                    row = outcome.rows.setdefault(cell, Row(cell))
                    try:
                        async with asyncio.timeout(seconds + PATIENCE_SECONDS):
                            row.samples.append(await measure(Load(width, seconds)))
                    except (Failed, TimeoutError) as reason:
                        outcome.failed.append(f"{contender.name} at {width}: {reason}")
                        say(f"{series.name}: FAILED {outcome.failed[-1]}")
    return outcome
