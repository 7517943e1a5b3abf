"""Places between two steps at which the fault tests have a process die, as by kill -9. Off otherwise.

REFERRAL_LOOP_FAILPOINT=place[@word][#n] names one place, once per process: `word` must be in the name
of the task that comes by (`group-commit`, `intake:relay`), and it dies the n-th time. Without the
variable, which is read once at start, `reach` is a comparison with None and nothing else. A process
that finds it without REFERRAL_LOOP_TESTS=1 refuses to start: it was set by mistake.

    before_commit    the rows and events of a transaction are written, the commit is not
    after_commit     committed, and nobody was answered, woken or told
    before_publish   the relay has read events, the log has not got them
    after_publish    the log has them, the outbox does not know
    before_offset    a batch of records is handled and committed, its offsets are not
    in_migration     every change of the tables is made, none is committed
"""

import asyncio
import os
import signal
from dataclasses import dataclass

from common.errors import Misconfigured

VARIABLE = "REFERRAL_LOOP_FAILPOINT"
IN_TESTS = "REFERRAL_LOOP_TESTS"


def only_in_tests(variable: str) -> str | None:
    """Return what a variable says that tests alone may set; Misconfigured for a stray one."""
    told = os.environ.get(variable)
    if told and os.environ.get(IN_TESTS) != "1":
        raise Misconfigured(f"{variable} is for tests: take it out of the environment")
    return told or None


@dataclass(slots=True)
class Failpoint:
    """Where this process shall die, and how often it still lives through it."""

    place: str
    word: str = ""
    left: int = 1

    @classmethod
    def read(cls, text: str) -> "Failpoint":
        """Read `place[@word][#n]`."""
        rest, _, times = text.partition("#")
        place, _, word = rest.partition("@")
        return cls(place, word, int(times or 1))

    def is_here(self, place: str) -> bool:
        """Count a visit; return whether it is the one."""
        if place != self.place or self.word not in _task_name():
            return False
        self.left -= 1
        return self.left <= 0


_along: list[int] = []
"""Processes that are pulled out with this one: the service that started it."""

_armed = Failpoint.read(told) if (told := only_in_tests(VARIABLE)) else None


def reach(place: str) -> None:
    """Die here if the environment says so."""
    if _armed is not None and _armed.is_here(place):
        for process in (*_along, os.getpid()):
            os.kill(process, signal.SIGKILL)


def take_along(process: int) -> None:
    """Have a process die with this one: a plug is pulled out for both."""
    _along.append(process)


def _task_name() -> str:
    task = asyncio.current_task()
    return task.get_name() if task else ""
