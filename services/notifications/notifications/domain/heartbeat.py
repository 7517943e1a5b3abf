"""While a prior authorization is open the clinic hears of it, even when nothing has moved."""

from dataclasses import dataclass
from datetime import datetime

from common.events.clinic import PromiseKind
from notifications.domain import calendar
from notifications.domain.clinic import Clinic
from notifications.domain.promise import term_of

COMPOSE_SHARE = 2 / 3
"""The next status is composed after this part of the time, so that there is time to deliver it."""


@dataclass(frozen=True, slots=True)
class Beat:
    """When the next "still pending" is composed, and the status from which its promise counts."""

    started_at: datetime
    compose_at: datetime


def next_beat(clinic: Clinic, last_status_at: datetime) -> Beat:
    """Return the beat after a status: the prior authorization promise's term, counted from it.

    A composed "still pending" is itself a status, so the following beat counts from it.
    """
    term = term_of(clinic, PromiseKind.PRIOR_AUTHORIZATION_STATUS)
    return Beat(
        started_at=last_status_at,
        compose_at=calendar.due(last_status_at, term, clinic, share=COMPOSE_SHARE),
    )
