"""Reading ER7 in full: our reader beside python-hl7 and hl7apy, by processor time."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.harness.aim import Aim, Cell
from benchmarks.harness.contender import Contender, Load, Measure, Sample
from benchmarks.harness.process import module, output_of
from benchmarks.harness.series import Series
from benchmarks.harness.servers import Servers
from benchmarks.load.mllp import RDE_O11, REF_I12

OURS = "our reader"
HEADER = "our header reader, all that an ACK waits for"
PYTHON_HL7 = "python-hl7"
HL7APY = "hl7apy"
FILES = {path.stat().st_size: path for path in (REF_I12, RDE_O11)}


def series(_: Servers) -> Series:
    """Return the readers."""
    ref, sizes = REF_I12.stat().st_size, tuple(sorted(FILES, reverse=True))
    return Series(
        name="parse",
        title="parse: REF^I12 and RDE^O11 down to subcomponents, per second of processor time",
        unit="messages",
        width="bytes",
        contenders=[
            Contender(HEADER, sizes, lambda: _parsing("header")),
            Contender(OURS, sizes, lambda: _parsing("ours")),
            Contender(PYTHON_HL7, sizes, lambda: _parsing("python-hl7")),
            Contender(HL7APY, sizes, lambda: _parsing("hl7apy")),
        ],
        aims=[
            Aim("G8", Cell(OURS, ref), 15, Cell(PYTHON_HL7, ref)),
            Aim("G8", Cell(OURS, ref), 400, Cell(HL7APY, ref)),
        ],
        notes=["Our reader cuts a field when it is asked for; here it is asked for every one."],
    )


@asynccontextmanager
async def _parsing(name: str) -> AsyncGenerator[Measure]:
    async def measure(load: Load) -> Sample:
        file: Path = FILES[load.width]
        command = module("benchmarks.peers.parsers", name, file, load.seconds)
        return Sample(**json.loads(await output_of(command)))

    yield measure
