"""Writing to a file: ours beside SQLAlchemy on aiosqlite, both synchronous=FULL."""

import json
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.harness.aim import Aim, Cell
from benchmarks.harness.contender import Contender, Load, Measure, Sample
from benchmarks.harness.process import module, output_of
from benchmarks.harness.series import Series
from benchmarks.harness.servers import Servers

OURS = "our Database, commits shared"
EACH = "aiosqlite + Core, one tx each"


def series(_: Servers) -> Series:
    """Return who competes for the file."""
    return Series(
        name="sqlite",
        title="SQLite: a referral row and its event, durable",
        unit="transactions",
        width="writers",
        contenders=[
            Contender(EACH, (1, 32), lambda: _writing("benchmarks.peers.sqlite_each")),
            Contender(OURS, (1, 32), lambda: _writing("benchmarks.ours.sqlite_writes")),
        ],
        aims=[Aim("G11", Cell(OURS, 32), 5, Cell(EACH, 32))],
        notes=["The same two statements of Core; WAL, synchronous=FULL, one writing connection."],
    )


@asynccontextmanager
async def _writing(program: str) -> AsyncGenerator[Measure]:
    async def measure(load: Load) -> Sample:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "measured.db"
            command = module(program, file, load.width, load.seconds)
            return Sample(**json.loads(await output_of(command)))

    yield measure
