"""The page that keeps the numbers: docs/reference/performance.md, generated between markers."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from benchmarks.harness import machine, report
from benchmarks.harness.process import ROOT
from benchmarks.harness.series import Outcome

PAGE = ROOT / "docs" / "reference" / "performance.md"


def raw(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return every sample, for other programs."""
    return {"at": datetime.now(UTC).isoformat(), "machine": machine.facts()} | {
        outcome.series.name: {
            "rows": [
                {
                    "contender": row.cell.contender,
                    "width": row.cell.width,
                    "samples": [
                        {"rate": s.rate, "p50_ms": s.p50_ms, "p99_ms": s.p99_ms}
                        for s in row.samples
                    ],
                }
                for row in outcome.rows.values()
            ],
            "absent": outcome.absent,
            "aims": [report.compared(verdict) for verdict in report.verdicts(outcome)],
        }
        for outcome in outcomes
    }


def write(outcomes: Sequence[Outcome]) -> None:
    """Replace the sections of these series; the prose around them stays."""
    text = PAGE.read_text()
    for outcome in outcomes:
        text = _replaced(text, outcome.series.name, _section(outcome))
    facts = [f"* {name}: {said}" for name, said in machine.facts().items()]
    text = _replaced(text, "machine", "\n".join(facts))
    PAGE.write_text(text)


def _replaced(text: str, name: str, content: str) -> str:
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{PAGE.name} has no place for {name}: add `{begin}` and `{end}`")
    return f"{before}{begin}\n{content}\n{end}{after}"


def _section(outcome: Outcome) -> str:
    series = outcome.series
    taken = f"{datetime.now(UTC):%Y-%m-%d}, {outcome.rounds} rounds of {outcome.seconds:g} s"
    headers = ("", series.width, f"{series.unit}/s", "p50 ms", "p99 ms", "spread")
    parts = [
        f"{taken}. {' '.join(series.notes)}".strip(),
        _table(headers, report.measured(outcome)),
    ]
    if series.aims:
        compared = ("Aim", "Ours", "", "Baseline", "", "Ratio", "Wanted", "")
        lines = [report.compared(verdict) for verdict in report.verdicts(outcome)]
        parts.append(_table(compared, lines))
    parts += [f"Without {name}: {reason}" for name, reason in outcome.absent.items()]
    return "\n\n".join(parts)


def _table(headers: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = ["---", *(["---:"] * (len(headers) - 1))]
    rows = [headers, rule, *lines]
    return "\n".join(f"| {' | '.join(cell for cell in row)} |" for row in rows)
