"""Logs: one event per line, static names, and only the keys listed here. Nobody's name, no message text."""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, TextIO

import structlog

from common import tracing

ALLOWED = frozenset(
    [
        "event",
        "actor",
        "level",
        "timestamp",
        "service",
        "worker",
        "group",
        "topic",
        "offset",
        "records",
        "attempts",
        "attempt",
        "code",
        "reason",
        "link",
        "sender",
        "control_id",
        "message_id",
        "message_type",
        "state",
        "size",
        "status",
        "method",
        "route",
        "port",
        "host",
        "clinic_id",
        "referral_id",
        "delivery_id",
        "notice_id",
        "promise_id",
        "channel",
        "kind",
        "seconds",
        "count",
        "error_class",
        "gateway",
        "gateway_id",
        "task_id",
        "review_id",
        "due_at",
        "door",
        "outcome",
        "acknowledgement",
        "verdict",
        "logger",
        "version",
        "path",
        "connections",
        "duplicates",
        "failure",
        "place",
        "fax_id",
        "pages",
        "trace_id",
        "variable",
        "nearest",
    ]
)
"""Every key that may be logged; values are ids, codes, sizes and times."""


def allow_listed(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Withhold the value of every key that is not on the list."""
    for key in event.keys() - ALLOWED:
        event[key] = "(withheld)"
    return event


def with_trace(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the open trace's id, by which the lines of one message are found in every service."""
    if found := event.pop("trace_id", None) or tracing.trace_id():
        event["trace_id"] = found
    return event


def class_of_exception(
    _: Any, __: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Keep an exception's class and place; drop its text, which may hold a person's data."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["error_class"] = type(error).__name__
        event["place"] = _place(error)
    return event


def _place(error: BaseException) -> str:
    """Return file and line of where an error was raised: the only part of a traceback without data."""
    frames = traceback.extract_tb(error.__traceback__, limit=-1)
    return f"{Path(frames[0].filename).name}:{frames[0].lineno}" if frames else "unknown"


class PlaceOnly(logging.Handler):
    """Passes on that a library logged and where; its words may hold data, arguments or not."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log the logger's name, the line that spoke (which tells the message) and the exception's class."""
        spoke = f"{record.module}.py:{record.lineno}"
        told: dict[str, str] = {"logger": record.name, "place": spoke}
        if record.exc_info and record.exc_info[0]:
            told["error_class"] = record.exc_info[0].__name__
        structlog.get_logger().log(record.levelno, "library_message", **told)


def configure(*, level: str, form: str, stream: TextIO | None = None) -> None:
    """Set up structlog, on stderr unless told, and route the standard library's logging through it."""
    stream = stream or sys.stderr
    threshold = logging.getLevelNamesMapping()[level.upper()]
    renderer: Any = structlog.processors.JSONRenderer()
    if form == "console":
        renderer = structlog.dev.ConsoleRenderer(colors=stream.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            with_trace,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            class_of_exception,
            allow_listed,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(stream),
    )
    logging.basicConfig(handlers=[PlaceOnly()], level=max(threshold, logging.WARNING), force=True)
