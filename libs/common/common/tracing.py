"""One trace from a clinic's message to the confirmed delivery: the context that travels, and its spans.

The context is a W3C `traceparent`. It travels with every event, request and waiting row whether or
not spans are exported, so that a trace holds together when only some processes export. Knows no
OpenTelemetry: `common.tracing_otlp` puts a recorder in here where the environment names a collector.
"""

import os
import re
from collections.abc import Mapping
from contextvars import ContextVar
from enum import StrEnum
from types import TracebackType
from typing import Final, Protocol, Self
from uuid import UUID

HEADER: Final = "traceparent"
HERE: Final = "here"
"""As a span's parent: whatever span is open around it."""

SAMPLED = "01"
LONGEST_VALUE = 200
NOBODYS = "referral-loop"
"""The service of a span that no service has claimed."""

STANDARD: Mapping[str, str] = {
    "method": "http.request.method",
    "route": "http.route",
    "status": "http.response.status_code",
    "topic": "messaging.destination.name",
    "group": "messaging.consumer.group.name",
    "offset": "messaging.kafka.offset",
}
"""Keys that OpenTelemetry has a name for."""

OURS = frozenset(
    [
        "acknowledgement",
        "attempt",
        "channel",
        "clinic_id",
        "code",
        "delivery_id",
        "door",
        "event_id",
        "event_type",
        "gateway",
        "gateway_id",
        "late",
        "link",
        "message_id",
        "notice",
        "notice_id",
        "outcome",
        "promise_id",
        "referral_id",
        "repeats",
        "review_id",
        "seconds",
        "size",
        "state",
        "verdict",
    ]
)
"""Keys that only we have a name for. No span carries another; values are ids, codes, sizes and times."""

PREFIX = "referral_loop."
WITHHELD = "(withheld)"

_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16

Value = str | int | float | bool | UUID | None
Exported = str | int | float | bool


class Kind(StrEnum):
    """What a span is to the network (OpenTelemetry's span kinds)."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"
    CONSUMER = "consumer"


class Recording(Protocol):
    """A span that is being recorded."""

    @property
    def traceparent(self) -> str:
        """Where the span stands, for what goes on from it."""

    def note(self, attributes: Mapping[str, Exported]) -> None:
        """Add attributes that went through the list."""

    def rename(self, name: str) -> None:
        """Give another name."""

    def link(self, traceparent: str) -> None:
        """Point to a span of another trace."""

    def fail(self, code: str) -> None:
        """Mark as failed, for a reason that is a code."""

    def end(self) -> None:
        """End now; nothing may be added afterwards."""


class Recorder(Protocol):
    """Where spans go."""

    def begin(
        self, service: str, name: str, kind: Kind, *, parent: str | None, remote: bool
    ) -> Recording:
        """Begin a span now. `remote`: the parent ran elsewhere, or is over."""


_span: ContextVar["Span | None"] = ContextVar("span", default=None)
_service: ContextVar[str] = ContextVar("service", default=NOBODYS)
_recorder: Recorder | None = None


class Span:
    """A stretch of work, as a context manager; everything done inside belongs to its trace.

    An error that leaves it marks it with the error's class, never with its text.
    """

    __slots__ = ("_attributes", "_kind", "_name", "_outer", "_parent", "_recording", "traceparent")

    def __init__(
        self, name: str, kind: Kind, parent: str | None, attributes: Mapping[str, Value]
    ) -> None:
        self._name, self._kind, self._parent = name, kind, parent
        self._attributes = attributes
        self._recording: Recording | None = None
        self._outer: Span | None = None
        self.traceparent = ""

    @property
    def is_recorded(self) -> bool:
        """Whether somebody will see it: else there is no need to find out what to note."""
        return self._recording is not None

    def __enter__(self) -> Self:
        """Begin, below the parent; without one a new trace."""
        self.begin()
        self._outer = _span.get()
        _span.set(self)
        return self

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        """End; what was open around it is open again."""
        _span.set(self._outer)
        if error is not None:
            self.fail(type(error).__name__)
        self.end()

    def begin(self) -> None:
        """Begin, below the parent; nothing that is done here belongs to it."""
        remote = self._parent != HERE
        parent = valid(self._parent) if remote else current()
        if _recorder is None:
            self.traceparent = parent or _new()
        else:
            self._recording = _recorder.begin(
                _service.get(), self._name, self._kind, parent=parent, remote=remote
            )
            self.traceparent = self._recording.traceparent
            self.note(**self._attributes)

    def end(self) -> None:
        """End now."""
        if self._recording is not None:
            self._recording.end()

    def note(self, **attributes: Value) -> None:
        """Add attributes; the value of a key that is not on the list is withheld."""
        if self._recording is not None:
            self._recording.note(_listed(attributes))

    def rename(self, name: str) -> None:
        """Give the name that is known only now."""
        if self._recording is not None:
            self._recording.rename(name)

    def link(self, traceparent: str | None) -> None:
        """Point to another trace that has to do with this one; nothing when there is none."""
        if self._recording is not None and (other := valid(traceparent)):
            self._recording.link(other)

    def fail(self, code: str) -> None:
        """Mark as failed, for a reason that is a code."""
        if self._recording is not None:
            self._recording.fail(code)


def span(
    name: str, *, kind: Kind = Kind.INTERNAL, parent: str | None = HERE, **attributes: Value
) -> Span:
    """Return a span to enter; its name is static: a route or an event's type, never what was sent.

    `parent`: a `traceparent` that came with the work; None, or one that is none, begins a new trace.
    """
    return Span(name, kind, parent, attributes)


def begun(
    name: str, *, kind: Kind = Kind.INTERNAL, parent: str | None = HERE, **attributes: Value
) -> Span:
    """Return a span that has begun and is not entered: for work that callbacks go on with.

    Whoever goes on names its `traceparent`; whoever is done says `end()`.
    """
    one = Span(name, kind, parent, attributes)
    one.begin()
    return one


def current() -> str | None:
    """Return the `traceparent` that goes on with whatever leaves here, if a span is open."""
    here = _span.get()
    return here.traceparent if here is not None else None


def nearest(traceparent: str | None) -> str | None:
    """Return the open span where it belongs to the same trace, else what was given.

    For what may be called from the work itself, or by somebody who works for many.
    """
    here = current()
    is_same = here is not None and (not traceparent or here[:35] == traceparent[:35])
    return here if is_same else traceparent


def carried() -> dict[str, str]:
    """Return the header that hands the trace on, or no header outside of a span."""
    here = _span.get()
    return {HEADER: here.traceparent} if here is not None else {}


def link(traceparent: str | None) -> None:
    """Point from the open span, if there is one, to another trace."""
    here = _span.get()
    if here is not None:
        here.link(traceparent)


def trace_id() -> str | None:
    """Return the open trace's id, 32 hexadecimal digits, as logs and refusals name it."""
    return trace_id_of(current())


def trace_id_of(traceparent: str | None) -> str | None:
    """Return the id of the trace that a `traceparent` belongs to."""
    return traceparent[3:35] if traceparent else None


def valid(traceparent: str | None) -> str | None:
    """Return a `traceparent` in the form of version 00, or None where it is none (W3C level 2, 3.2).

    It comes from outside: what a later version adds is cut off, flags that we do not know are cleared.
    """
    found = _FORM.fullmatch(traceparent) if traceparent else None
    if found is None:
        return None
    version, trace, parent, flags, more = found.groups()
    wrong_length = version == "00" and more is not None
    if version == "ff" or wrong_length or trace == _NO_TRACE or parent == _NO_SPAN:
        return None
    return f"00-{trace}-{parent}-{int(flags, 16) & 3:02x}"


def serve(service: str) -> None:
    """Have the spans that this task begins belong to a service."""
    _service.set(service)


def leave() -> None:
    """Belong to no trace from here on: for a task that was begun by one message and works for many."""
    _span.set(None)


def record_with(recorder: Recorder | None) -> None:
    """Record the spans of this process from now on; with None, no more."""
    global _recorder
    _recorder = recorder


def _new() -> str:
    """Return the beginning of a trace; sampled, so that whoever records further on does record it."""
    digits = os.urandom(24).hex()
    return f"00-{digits[:32]}-{digits[32:]}-{SAMPLED}"


def _listed(attributes: Mapping[str, Value]) -> dict[str, Exported]:
    return {
        STANDARD.get(key, f"{PREFIX}{key}"): _plain(key, value)
        for key, value in attributes.items()
        if value is not None
    }


def _plain(key: str, value: object) -> Exported:
    """Return what may be told; what has no place on the list, or is more than a code, is withheld."""
    if key not in OURS and key not in STANDARD:
        return WITHHELD
    if isinstance(value, bool | int | float):
        return value
    return str(value)[:LONGEST_VALUE] if isinstance(value, str | UUID) else WITHHELD
