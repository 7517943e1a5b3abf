"""What an answer, or none, means for a message that we sent; and when it is sent again. Pure.

The codes are HL7's tables 0008 and 0357. Field practice reads a refusal without an error code in
opposite ways, so what it means there is the link's preset.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Literal

from common.backoff import exponential


class Decision(StrEnum):
    """What to do next."""

    DELIVERED = "delivered"
    COMMIT = "committed"
    """Taken over by the EMR; its application has yet to answer."""
    PARK = "park"
    RETRY = "retry"


Nack = Literal["by-definition", "e-final", "r-final", "hold-link"]

ACCEPTED, COMMITTED = "AA", "CA"

CONFIGURATION = ("200", "201", "202", "203")
"""Type, event, processing id and version not supported: every message of this link will fail."""

CONTENT = ("100", "101", "102", "103", "104", "198", "199", "204", "205")
"""Something in this one message."""

PASSING = ("206", "207")
"""Record locked, internal error: the same again may be taken later."""

BY_ERROR: Mapping[str, Decision] = {
    **dict.fromkeys(CONFIGURATION, Decision.PARK),
    **dict.fromkeys(CONTENT, Decision.PARK),
    **dict.fromkeys(PASSING, Decision.RETRY),
}
"""By ERR-3 (table 0357); it counts before the acknowledgement code."""

_BY_DEFINITION = {
    "AE": Decision.PARK,
    "AR": Decision.RETRY,
    "CE": Decision.RETRY,
    "CR": Decision.PARK,
}

PRESETS: Mapping[Nack, Mapping[str, Decision]] = {
    "by-definition": _BY_DEFINITION,
    "e-final": _BY_DEFINITION | {"CE": Decision.PARK, "CR": Decision.RETRY},
    "r-final": _BY_DEFINITION | {"AE": Decision.RETRY, "AR": Decision.PARK},
    "hold-link": _BY_DEFINITION,
}
"""By MSA-1 (table 0008), where no error code is given. `hold-link` stops the link beside it."""

MOST_TRIES = 10
LONGEST = timedelta(hours=24)

FAULTS_TO_OPEN = 3
"""So many configuration faults in a row open a link's circuit."""
FIRST_REST = timedelta(minutes=5)
LONGEST_REST = timedelta(hours=1)
HELD_FOR = timedelta(hours=4)
"""How long a link in strict order waits for a person; then it goes on without the parked message."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How one link's answers are read."""

    nack: Nack = "by-definition"
    application_ack: bool = False
    """CA is not the end: AA must follow."""


def decide(code: str, errors: Sequence[str] = (), policy: Policy = Policy()) -> Decision:
    """Return what an acknowledgement means; one that is in no table is parked for a person."""
    if code == ACCEPTED:
        return Decision.DELIVERED
    if code == COMMITTED:
        return Decision.COMMIT if policy.application_ack else Decision.DELIVERED
    known = [BY_ERROR[error] for error in errors if error in BY_ERROR]
    if known:
        return Decision.PARK if Decision.PARK in known else Decision.RETRY
    return PRESETS[policy.nack].get(code, Decision.PARK)


def is_configuration_fault(errors: Sequence[str]) -> bool:
    """Tell whether a refusal is about the link and not about the message."""
    return any(error in CONFIGURATION for error in errors)


def rest_after(faults: int) -> timedelta | None:
    """Return how long an open circuit rests before one message is tried; None while it is closed."""
    over = faults - FAULTS_TO_OPEN + 1
    return exponential(over, base=FIRST_REST, cap=LONGEST_REST) if over > 0 else None


def wait_after(failures: int, *, jitter: float = 0.0) -> timedelta:
    """Return the wait after so many failures in a row: 1 s, doubling, up to 60 s."""
    return exponential(failures, jitter=jitter)


def is_exhausted(tries: int, age: timedelta) -> bool:
    """Tell whether to give up: `tries` counts what reached the far side or may have."""
    return tries >= MOST_TRIES or age >= LONGEST
