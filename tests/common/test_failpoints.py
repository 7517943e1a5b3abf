import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from common import failpoints
from common.clock import VARIABLE as CLOCK
from common.failpoints import IN_TESTS, VARIABLE, Failpoint

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


READING = """
import datetime, pathlib
from common import clock

def read():
    return (clock.utc_now() - datetime.datetime.now(datetime.UTC)).total_seconds()

print(read())
clock._put_by.write_text("-7200")
print(read())
"""


def run(*, program: str = PASSING_BY, **environment: str) -> subprocess.CompletedProcess[str]:
    own = (VARIABLE, CLOCK, IN_TESTS)
    env = {k: v for k, v in os.environ.items() if k not in own} | environment
    command = [sys.executable, "-c", program]
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
    for name in (VARIABLE, CLOCK, IN_TESTS):
        assert not [p for p in told if name.encode() in p.read_bytes()]


@pytest.mark.parametrize("variable", [VARIABLE, CLOCK])
def test_outside_tests_a_stray_variable_is_refused_at_the_start(variable):
    """INVARIANT: nothing that makes a process die or err about the time is at work by mistake."""
    done = run(**{variable: "after_commit"}, program="import common.clock")
    assert done.returncode == 1
    assert f"{variable} is for tests" in done.stderr


def test_a_test_puts_the_clock_forward_and_back_while_it_is_read(tmp_path):
    by = tmp_path / "seconds"
    by.write_text("7200")
    done = run(**{CLOCK: str(by), IN_TESTS: "1"}, program=READING)
    forward, back = map(float, done.stdout.split())
    assert 7199 < forward < 7260
    assert -7201 < back < -7140


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
    done = run(**{VARIABLE: armed, IN_TESTS: "1"})
    assert done.returncode == -signal.SIGKILL
    assert len(done.stdout.split()) == lived_through


@pytest.mark.parametrize("armed", ["before_commit", "after_commit@consumer", "after_commit#4"])
def test_other_places_tasks_and_times_are_passed_by(armed):
    assert run(**{VARIABLE: armed, IN_TESTS: "1"}).returncode == 0


def test_what_the_variable_says_is_read():
    assert Failpoint.read("a@b#3") == Failpoint("a", "b", 3)
    assert Failpoint.read("a") == Failpoint("a", "", 1)
