"""The MLLP load: compiles mllp_load.c once, and runs it."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

from benchmarks.harness.contender import Absent, Failed, Load, Sample
from benchmarks.harness.machine import cache
from benchmarks.harness.process import output_of

SOURCE = Path(__file__).with_name("mllp_load.c")
MESSAGES = Path(__file__).parents[1] / "messages"
REF_I12 = MESSAGES / "ref_i12.hl7"
RDE_O11 = MESSAGES / "rde_o11.hl7"
WARMUP_SECONDS = 0.5


def program() -> Path:
    """Return the load generator, compiled for this source; Absent without a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise Absent("the MLLP load generator needs a C compiler (`cc`)")
    version = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]
    made = cache() / f"mllp_load-{version}"
    if not made.exists():
        draft = made.with_suffix(".part")
        subprocess.run([compiler, "-O2", "-o", draft, SOURCE], check=True)
        draft.rename(made)
    return made


async def send(
    port: int, load: Load, *, message: Path = REF_I12, warmup: float = WARMUP_SECONDS
) -> Sample:
    """Send to a port of this machine as fast as it answers; refuse a run with wrong answers."""
    numbers = [port, load.width, load.seconds, warmup]
    told = json.loads(await output_of([program(), "127.0.0.1", *numbers, message]))
    if told["wrong"] or not told["answered"]:
        raise Failed(f"{told['wrong']} wrong answers, {told['answered']} right ones")
    return Sample(told["rate"], told["p50_ms"], told["p99_ms"])
