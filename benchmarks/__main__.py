"""python -m benchmarks [SERIES...]: run series of measurements and print their tables."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.harness import machine, page, report
from benchmarks.harness.series import Outcome, Series, narrowed, run
from benchmarks.harness.servers import Servers
from benchmarks.series import ALL
from common import logs

ROUNDS, SECONDS = 3, 2.0
QUICK_ROUNDS, QUICK_SECONDS = 1, 1.0


def main() -> None:
    """Read the command line, run, print; the exit code says whether every aim was met."""
    given = _arguments()
    rounds = given.rounds or (QUICK_ROUNDS if given.quick else ROUNDS)
    seconds = given.seconds or (QUICK_SECONDS if given.quick else SECONDS)
    logs.configure(level="warning", form="console")
    with Servers() as servers, asyncio.Runner() as runner:
        chosen = [narrowed(ALL[name](servers), given.only) for name in given.series or ALL]
        outcomes = runner.run(_run(chosen, rounds=rounds, seconds=seconds))
    if given.json:
        Path(given.json).write_text(json.dumps(page.raw(outcomes), indent=2) + "\n")
    if given.page:
        page.write(outcomes)
    sys.exit(any(v.is_met is False for outcome in outcomes for v in report.verdicts(outcome)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("series", nargs="*", type=_known, help=f"of {', '.join(ALL)}; default: all")
    parser.add_argument("--rounds", type=int, help=f"default {ROUNDS}")
    parser.add_argument("--seconds", type=float, help=f"of each measurement; default {SECONDS:g}")
    parser.add_argument("--quick", action="store_true", help="one round of a second: a first look")
    parser.add_argument("--only", metavar="TEXT", default="", help="contenders whose name holds it")
    parser.add_argument("--json", metavar="FILE", help="write every sample to FILE")
    parser.add_argument("--page", action="store_true", help="write docs/reference/performance.md")
    return parser.parse_args()


def _known(name: str) -> str:
    if name not in ALL:
        raise argparse.ArgumentTypeError(f"there is no series {name}: {', '.join(ALL)}")
    return name


async def _run(chosen: Sequence[Series], *, rounds: int, seconds: float) -> list[Outcome]:
    console, progress = Console(width=max(Console().width, 150)), Console(stderr=True, style="dim")
    busy = machine.others()
    if busy > 0.5:
        progress.print(f"the machine is busy (load {busy:.1f}): trust ratios, not rates")
    outcomes: list[Outcome] = []
    for series in chosen:
        outcome = await run(series, rounds=rounds, seconds=seconds, say=progress.print)
        report.show(console, outcome)
        outcomes.append(outcome)
    return outcomes


if __name__ == "__main__":
    main()
