"""When a failed fax is tried again: a pure table. Knows no gateway and no clock."""

from datetime import timedelta
from typing import Final

from common.backoff import scheduled
from notifications.ports import FailureClass

SCHEDULE: Final = tuple(timedelta(minutes=minutes) for minutes in (0, 2, 5, 10, 15, 25, 40))
"""When each attempt is due after the first: seven of them, and an hour's promise still holds."""

_EVERY_ATTEMPT: Final = len(SCHEDULE) - 1

RETRIES: Final[dict[FailureClass, int]] = {
    FailureClass.BUSY: _EVERY_ATTEMPT,
    FailureClass.NO_ANSWER: _EVERY_ATTEMPT,
    FailureClass.LINE: _EVERY_ATTEMPT,
    FailureClass.FAX_PROTOCOL: _EVERY_ATTEMPT,
    FailureClass.PROVIDER: _EVERY_ATTEMPT,
    # The whole document goes again: a tail without its first page is nobody's message.
    FailureClass.PARTIAL: _EVERY_ATTEMPT,
    # A person or a voicemail answers: two calls at most in all, then somebody checks the number.
    FailureClass.NO_FAX_TONE: 1,
    FailureClass.OTHER: 1,
    FailureClass.BAD_NUMBER: 0,
    FailureClass.DOCUMENT: 0,
    FailureClass.ACCOUNT: 0,
    FailureClass.CANCELLED: 0,
}
"""How many attempts may follow the first, by why the last one failed."""


def next_attempt(failure: FailureClass, attempt: int) -> timedelta | None:
    """Return when the next attempt is due, or None: a person must look.

    `attempt` counts the attempts made so far, from 1, whatever each failed of. The answer is the
    time after the *first* attempt, not from now, so that slow calls do not push the last one out
    of the promise's hour; a moment that is already past means at once.
    """
    return scheduled(attempt, SCHEDULE) if attempt <= RETRIES[failure] else None
