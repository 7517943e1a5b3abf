"""The one place that reads the time. Edges call a Clock once and hand `now` downwards."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)


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
