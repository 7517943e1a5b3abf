"""How much a worker takes at once, how long it may hold it, and when it asks again."""

import asyncio
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping

from common.backoff import exponential


@dataclass(frozen=True, slots=True)
class Pace:
    """Times are by the service's clock; `tick_seconds` alone is by the wall."""

    limit: int = 10
    lease: timedelta = timedelta(minutes=5)
    tick_seconds: float = 1.0
    look_up_after: timedelta = timedelta(seconds=30)
    poll_base: timedelta = timedelta(seconds=5)
    poll_cap: timedelta = timedelta(minutes=1)
    result_timeout: timedelta = timedelta(hours=2)

    def poll_after(self, polls: int) -> timedelta:
        """Return the wait before a gateway is asked again, after it was asked `polls` times."""
        return exponential(polls + 1, base=self.poll_base, cap=self.poll_cap)


def retry_at(
    first_attempt_at: datetime, delay: timedelta | None, *, now: datetime
) -> datetime | None:
    """Return when the next attempt is due; the schedule counts from the first one.

    Not from a time that is still to come: it was noted while the clock was ahead.
    """
    return None if delay is None else min(first_attempt_at, now) + delay


def trace_of(held: RowMapping) -> dict[str, Any]:
    """Return what puts a span in the trace of a delivery, and says which attempt it is about."""
    told = {"delivery_id": held["id"], "notice_id": held["notice_id"], "attempt": held["attempts"]}
    return {"parent": held["traceparent"], "channel": held["channel"], **told}


async def together(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run pieces of work side by side; all end before the first failure is raised."""
    for result in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
