"""When to try again: pure functions of the attempt number."""

from collections.abc import Sequence
from datetime import timedelta


def exponential(
    attempt: int,
    *,
    base: timedelta = timedelta(seconds=1),
    cap: timedelta = timedelta(minutes=1),
    jitter: float = 0.0,
) -> timedelta:
    """Return the wait after the `attempt`-th failure (counted from 1): base * 2^(attempt-1), capped.

    `jitter` is a number between 0 and 1 drawn by the caller; it takes away up to half of the wait,
    so that many who failed together do not come back together.
    """
    doubled: timedelta = base * (1 << min(attempt - 1, 30))
    wait = min(doubled, cap)
    return wait * (1 - jitter / 2)


def scheduled(attempt: int, schedule: Sequence[timedelta]) -> timedelta | None:
    """Return the time after the first attempt at which the next is due, or None when none is left.

    `schedule[0]` is the first attempt (zero); after the n-th failure the entry n applies.
    """
    return schedule[attempt] if attempt < len(schedule) else None
