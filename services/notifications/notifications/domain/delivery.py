"""One series of attempts to tell a clinic one notice by one channel: its states and moves."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum


class DeliveryState(StrEnum):
    """Where a delivery stands.

    `held`: may not leave (no BAA). `sending`: an attempt may be on the wire. `submitted`: the
    gateway or emr-bridge took it. `unknown`: an attempt ended without an answer, so it is looked
    up before anything is sent again.
    """

    HELD = "held"
    QUEUED = "queued"
    SENDING = "sending"
    UNKNOWN = "unknown"
    SUBMITTED = "submitted"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


_S = DeliveryState

NEXT: Mapping[DeliveryState, frozenset[DeliveryState]] = {
    _S.HELD: frozenset({_S.QUEUED, _S.WITHDRAWN, _S.FAILED}),
    _S.QUEUED: frozenset(
        {_S.HELD, _S.SENDING, _S.SUBMITTED, _S.CONFIRMED, _S.FAILED, _S.WITHDRAWN}
    ),
    _S.SENDING: frozenset(
        {_S.QUEUED, _S.UNKNOWN, _S.SUBMITTED, _S.CONFIRMED, _S.FAILED, _S.WITHDRAWN}
    ),
    _S.UNKNOWN: frozenset({_S.QUEUED, _S.SUBMITTED, _S.CONFIRMED, _S.FAILED, _S.WITHDRAWN}),
    _S.SUBMITTED: frozenset({_S.QUEUED, _S.CONFIRMED, _S.FAILED, _S.WITHDRAWN}),
    _S.FAILED: frozenset({_S.CONFIRMED}),
    _S.WITHDRAWN: frozenset({_S.CONFIRMED}),
    _S.CONFIRMED: frozenset(),
}
"""Back to `queued` means one more attempt. That the far side has it is true whatever we had
given up before, and nothing comes after it: a late report never takes a confirmation back."""

ENDED = frozenset({_S.CONFIRMED, _S.FAILED, _S.WITHDRAWN})
LIVE = frozenset(DeliveryState) - ENDED
WAITING = frozenset({_S.HELD, _S.QUEUED})
"""Nothing of it has left: it can be taken back without asking anyone."""


def arrived_at(told: datetime, *, began: datetime | None, now: datetime) -> datetime:
    """Return when the far side had it: the time that it tells, where that can be true, else now.

    It can when it lies between the attempt's beginning and this moment. A clock that differs from
    ours, or a report of no attempt of ours, gains nothing: in doubt it arrived when we heard of it.
    """
    return told if began is not None and began <= told <= now else now


def sources(to: DeliveryState) -> frozenset[DeliveryState]:
    """Return the states from which a delivery may come to `to`."""
    return frozenset(state for state, targets in NEXT.items() if to in targets)
