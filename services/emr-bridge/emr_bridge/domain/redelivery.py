"""What an answer, or none, means for a message that we sent; and when it is sent again. Pure.

The codes are HL7's tables 0008 and 0357; the meaning of a refusal without a code is the preset
`by-definition`: AR and CE have causes that pass, AE and CR do not.
"""

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum

from common.backoff import exponential


class Decision(StrEnum):
    """What to do next."""

    DELIVERED = "delivered"
    PARK = "park"
    RETRY = "retry"


ACCEPTED = frozenset({"AA", "CA"})

BY_ERROR = {
    **dict.fromkeys(("200", "201", "202", "203"), Decision.PARK),
    **dict.fromkeys(("100", "101", "102", "103", "104", "198", "199", "205"), Decision.PARK),
    **dict.fromkeys(("206", "207"), Decision.RETRY),
}
"""By ERR-3 (table 0357); it counts before the acknowledgement code."""

BY_DEFINITION = {
    "AE": Decision.PARK,
    "AR": Decision.RETRY,
    "CE": Decision.RETRY,
    "CR": Decision.PARK,
}
"""By MSA-1 (table 0008), where no error code is given."""

MOST_TRIES = 10
LONGEST = timedelta(hours=24)


def decide(code: str, errors: Sequence[str] = ()) -> Decision:
    """Return what an acknowledgement means; one that is in no table is parked for a person."""
    if code in ACCEPTED:
        return Decision.DELIVERED
    known = [BY_ERROR[error] for error in errors if error in BY_ERROR]
    if known:
        return Decision.PARK if Decision.PARK in known else Decision.RETRY
    return BY_DEFINITION.get(code, Decision.PARK)


def wait_after(failures: int, *, jitter: float = 0.0) -> timedelta:
    """Return the wait after so many failures in a row: 1 s, doubling, up to 60 s."""
    return exponential(failures, jitter=jitter)


def is_exhausted(tries: int, age: timedelta) -> bool:
    """Tell whether to give up: `tries` counts what reached the far side or may have."""
    return tries >= MOST_TRIES or age >= LONGEST
