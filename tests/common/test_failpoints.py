import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from common import failpoints
from common.failpoints import VARIABLE, Failpoint

ROOT = Path(__file__).parents[2]
PASSING_BY = """
import asyncio
from common.failpoints import reach

async def go():
    for n in range(3):
        print(n, flush=True)
        reach("after_commit")

async def main():
    await asyncio.create_task(go(), name="intake:relay")

asyncio.run(main())
"""


def run(**environment: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if k != VARIABLE} | environment
    command = [sys.executable, "-c", PASSING_BY]
    return subprocess.run(command, check=False, env=env, capture_output=True, text=True)


def test_without_the_variable_nobody_dies():
    """INVARIANT: failpoints are off unless the environment names one. Broken by any default."""
    assert failpoints._armed is None
    done = run()
    assert (done.returncode, done.stdout.split()) == (0, ["0", "1", "2"])
    assert run(**{VARIABLE: ""}).returncode == 0


def test_nothing_that_is_deployed_names_a_failpoint():
    told = [p for p in (ROOT / "deploy").rglob("*") if p.is_file() and p.stat().st_size < 10**6]
    assert told
    assert not [p for p in told if VARIABLE.encode() in p.read_bytes()]


@pytest.mark.parametrize(
    ("armed", "lived_through"),
    [
        ("after_commit", 1),
        ("after_commit#3", 3),
        ("after_commit@relay#2", 2),
        ("after_commit@intake:", 1),
    ],
)
def test_it_dies_as_by_kill_9_at_the_nth_time_in_the_task_that_is_named(armed, lived_through):
    done = run(**{VARIABLE: armed})
    assert done.returncode == -signal.SIGKILL
    assert len(done.stdout.split()) == lived_through


@pytest.mark.parametrize("armed", ["before_commit", "after_commit@consumer", "after_commit#4"])
def test_other_places_tasks_and_times_are_passed_by(armed):
    assert run(**{VARIABLE: armed}).returncode == 0


def test_what_the_variable_says_is_read():
    assert Failpoint.read("a@b#3") == Failpoint("a", "b", 3)
    assert Failpoint.read("a") == Failpoint("a", "", 1)
