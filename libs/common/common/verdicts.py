"""What a consumer does with an event, and the two verdicts on a failure: again, or set aside."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import InterfaceError, OperationalError

from common.backoff import exponential
from common.database import Transaction
from common.errors import Refused, Retry, SetAside
from common.events.envelope import Event

Handler = Callable[[Transaction, Any, datetime], Awaitable[None]]
Handlers = Mapping[type[Event], Handler]

RETRIES = 6
"""Attempts at a record whose failure may be the record's own; then it is set aside."""


def is_outage(error: Exception) -> bool:
    """Return whether a database or network is away: not the record's fault, so retried for ever."""
    return isinstance(error, OperationalError | InterfaceError | OSError)


def again_after(error: Exception, attempt: int) -> timedelta | None:
    """Return how long to wait before the next attempt, or None to set the record aside."""
    if isinstance(error, SetAside):
        return None
    if is_outage(error):
        return exponential(attempt, base=timedelta(milliseconds=100), cap=timedelta(seconds=15))
    limit = RETRIES if isinstance(error, Retry) else 2
    return exponential(attempt, base=timedelta(milliseconds=50)) if attempt < limit else None


def code_of(error: Exception) -> str:
    """Return a word for the failure that holds nobody's data."""
    if isinstance(error, SetAside | Refused):
        return error.code
    return type(error).__name__
