"""Every error of ours, in one tree.

ReferralLoopError
├── Refused              the caller asked for something that may not be: an edge answers, nothing changed
│   ├── Invalid          a value is not usable (with a pointer to each field)
│   ├── NotFound         no such thing
│   ├── Forbidden        the caller is known, and may not
│   ├── Conflict         the request contradicts what is there
│   │   ├── IllegalMove  the state machine has no such move (names the allowed ones)
│   │   └── StillRunning the same request is being handled at this moment
│   ├── Stale            the caller saw an older version (If-Match)
│   └── KeyReused        an Idempotency-Key came back with another body
├── Retry                the same again later may succeed: a lock, a lost connection, a slow peer
│   └── ConcurrentUpdate another transaction wrote the row first
├── SetAside             never by itself: a person must look, the bytes are kept
│   └── CannotUnseal     the key is unknown, or the sealed bytes were altered
├── Halted               a loop stops on purpose until somebody has looked
└── Misconfigured        the process must not start like this
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that is wrong: where (RFC 6901 pointer) and why, never its value."""

    pointer: str
    detail: str


class ReferralLoopError(Exception):
    """The root of the tree; its text never holds a person's data."""


class Refused(ReferralLoopError):
    """The caller asked for something that may not be done; nothing was changed."""

    status = 400
    title = "Refused"
    code = "refused"

    def __init__(self, detail: str, *, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)


class Invalid(Refused):
    """A value cannot be used."""

    status = 422
    title = "Invalid content"
    code = "invalid"


class NotFound(Refused):
    """There is no such thing."""

    status = 404
    title = "Not found"
    code = "not_found"


class Forbidden(Refused):
    """The caller may not have this."""

    status = 403
    title = "Forbidden"
    code = "forbidden"


class Conflict(Refused):
    """The request contradicts what is there."""

    status = 409
    title = "Conflict"
    code = "conflict"


class IllegalMove(Conflict):
    """The state machine has no such move; `allowed` names those that it has."""

    title = "Illegal move"
    code = "illegal_move"

    def __init__(self, detail: str, *, allowed: Sequence[str]) -> None:
        super().__init__(detail)
        self.allowed = tuple(allowed)


class StillRunning(Conflict):
    """The same request is being handled at this moment."""

    title = "Still running"
    code = "still_running"


class Stale(Refused):
    """The caller's If-Match names a version that is no longer the current one, which `etag` is."""

    status = 412
    title = "Stale version"
    code = "stale"

    def __init__(self, detail: str, *, etag: str | None = None) -> None:
        super().__init__(detail)
        self.etag = etag


class KeyReused(Refused):
    """An Idempotency-Key came back with another body."""

    status = 422
    title = "Idempotency-Key reused"
    code = "idempotency_key_reused"


class Retry(ReferralLoopError):
    """The same again later may succeed."""


class ConcurrentUpdate(Retry):
    """Another transaction wrote the row first."""


class SetAside(ReferralLoopError):
    """Trying again changes nothing: keep the bytes, say why, let a person look."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(detail or code)
        self.code = code


class Halted(ReferralLoopError):
    """A loop stops on purpose until somebody has looked; the text says at what, in codes and places."""


class CannotUnseal(SetAside):
    """The key is unknown, or the sealed bytes or their context were altered."""


class Misconfigured(ReferralLoopError):
    """The settings do not allow a start; the text says what to change."""
