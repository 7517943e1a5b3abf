"""The one place that reads the time. Edges call a Clock once and hand `now` downwards.

REFERRAL_LOOP_CLOCK names a file with seconds by which a test puts the wall clock forward or back, also
while we run. Like a failpoint it is refused outside tests.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from common.failpoints import only_in_tests

Clock = Callable[[], datetime]

VARIABLE = "REFERRAL_LOOP_CLOCK"

_put_by = Path(told) if (told := only_in_tests(VARIABLE)) else None


def utc_now() -> datetime:
    """Return the current time, aware, in UTC."""
    if _put_by is None:
        return datetime.now(UTC)
    return datetime.now(UTC) + timedelta(seconds=float(_put_by.read_text()))


def accelerated(
    speed: float, start: datetime | None = None, *, began: datetime | None = None
) -> Clock:
    """Return a clock that shows `start` at the true time `began` and runs `speed` times as fast.

    Both are now unless told; a process that starts again with the same two goes on in the same time.
    For demonstrations: with speed 120 an hour's promise falls due in thirty seconds.
    """
    if speed == 1:
        return utc_now
    began = began or utc_now()
    origin = start or began

    def now() -> datetime:
        return origin + timedelta(seconds=(utc_now() - began).total_seconds() * speed)

    return now
