"""What a consumer does with an event, and the two verdicts on a failure: again, or set aside."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from sqlite3 import OperationalError as SqliteFault
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from common import tracing
from common.backoff import exponential
from common.database import Transaction
from common.errors import Refused, Retry, SetAside
from common.events.envelope import Event

Handler = Callable[[Transaction, Any, datetime], Awaitable[None]]
Handlers = Mapping[type[Event], Handler]

AnyEvent = TypeVar("AnyEvent", bound=Event)


class Heard(NamedTuple, Generic[AnyEvent]):
    """An event, and the trace in which whatever it causes goes on."""

    event: AnyEvent
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Together:
    """A handler of events that came one behind the other: it takes them in their order, all or none.

    No span is open around `many`: what is written for an event is written with its own trace. Called
    like any other handler it takes one event, in the span that is open.
    """

    many: Callable[[Transaction, Sequence[Heard[Any]], datetime], Awaitable[None]]

    async def __call__(self, tx: Transaction, event: Event, now: datetime) -> None:
        """Take one event."""
        await self.many(tx, [Heard(event, tracing.current())], now)


RETRIES = 6
"""Attempts at a record whose failure may be the record's own; then it is set aside."""


AWAY = frozenset({"08", "53", "57", "58"})
"""SQLSTATE classes: connection, resources, operator intervention, system error (PostgreSQL, appendix A)."""

AWAY_CLASSES = (OperationalError, InterfaceError, PoolExhausted, OSError, SqliteFault)
"""SQLite's own is what a savepoint, or the log's file, says when the disk is full or fails."""

ROLLED_BACK = "40"
"""SQLSTATE class of deadlocks and serialization failures."""


def is_outage(error: Exception) -> bool:
    """Return whether a database or network is away: not the record's fault, so retried for ever."""
    if isinstance(error, DBAPIError) and (error.connection_invalidated or _class(error) in AWAY):
        return True
    return isinstance(error, AWAY_CLASSES)


def is_momentary(error: Exception) -> bool:
    """Return whether another transaction was in the way, so that the same again may succeed."""
    return isinstance(error, Retry) or (
        isinstance(error, DBAPIError) and _class(error) == ROLLED_BACK
    )


def _class(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or "")[:2]


def again_after(error: Exception, attempt: int) -> timedelta | None:
    """Return how long to wait before the next attempt, or None to set the record aside."""
    if isinstance(error, SetAside):
        return None
    if is_outage(error):
        return exponential(attempt, base=timedelta(milliseconds=100), cap=timedelta(seconds=15))
    limit = RETRIES if is_momentary(error) else 2
    return exponential(attempt, base=timedelta(milliseconds=50)) if attempt < limit else None


def code_of(error: Exception) -> str:
    """Return a word for the failure that holds nobody's data."""
    if isinstance(error, SetAside | Refused):
        return error.code
    return type(error).__name__
