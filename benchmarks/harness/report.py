"""The table on the screen."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.harness.aim import Verdict, judge
from benchmarks.harness.series import Outcome


def verdicts(outcome: Outcome) -> list[Verdict]:
    """Return what became of the series' aims."""
    return [judge(aim, outcome.rows) for aim in outcome.series.aims]


def show(console: Console, outcome: Outcome) -> None:
    """Print the rows of a series, then its aims."""
    series = outcome.series
    rows = Table(title=f"{series.name}: {series.title}", title_justify="left")
    for header in ("", series.width, f"{series.unit}/s", "p50 ms", "p99 ms", "spread"):
        rows.add_column(header, justify="right" if header else "left")
    for line in measured(outcome):
        rows.add_row(*line)
    console.print(rows)
    for failure in outcome.failed:
        console.print(f"FAILED {failure}", style="red")
    if series.aims:
        console.print(_aims(outcome))


def measured(outcome: Outcome) -> list[Sequence[str]]:
    """Return the rows as text: who, how many at a time, rate, p50, p99, spread."""
    lines: list[Sequence[str]] = [
        (
            row.cell.contender,
            str(row.cell.width),
            number(row.median("rate")),
            number(row.median("p50_ms")),
            number(row.median("p99_ms")),
            f"{100 * row.spread(outcome.series.spread_of):.0f} %",
        )
        for row in outcome.rows.values()
    ]
    return lines + [(name, "", "not here", "", "", "") for name in outcome.absent]


def compared(verdict: Verdict) -> Sequence[str]:
    """Return a verdict as text: goal, ours, its value, baseline, its value, ratio, aim, verdict."""
    aim, unit = verdict.aim, "/s" if verdict.aim.what == "rate" else f" ms {verdict.aim.what[:3]}"
    baseline = f"{aim.baseline.contender} ({aim.baseline.width})" if aim.baseline else ""
    ratio = f"{number(verdict.value)}x" if aim.baseline and verdict.value is not None else ""
    return (
        aim.goal,
        f"{aim.ours.contender} ({aim.ours.width})",
        number(verdict.ours) + unit,
        baseline,
        number(verdict.baseline) + unit if aim.baseline else "",
        ratio,
        aim.wording(),
        {True: "met", False: "MISSED", None: "not measured"}[verdict.is_met],
    )


def number(value: float | None) -> str:
    """Return three figures of a number, or all of a large one."""
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _aims(outcome: Outcome) -> Table:
    table = Table()
    for header in ("aim", "ours", "", "baseline", "", "ratio", "wanted", ""):
        table.add_column(header, justify="right" if not header else "left")
    colours = {True: "green", False: "red", None: "yellow"}
    for verdict in verdicts(outcome):
        table.add_row(*compared(verdict), style=colours[verdict.is_met])
    return table
