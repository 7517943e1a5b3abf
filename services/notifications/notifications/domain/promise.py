"""What a clinic is owed by a deadline: the terms, the states, and what a confirmation decides."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from common.events.clinic import PromiseKind, PromiseTerm
from common.events.referral import ReferralEvent, ReferralReceived
from notifications.domain import calendar
from notifications.domain.clinic import Clinic

AT_RISK_SHARE = 0.75
"""From this part of the time on, the next channel is tried without waiting."""

DEFAULT_TERMS: Mapping[PromiseKind, PromiseTerm] = {
    PromiseKind.REFERRAL_RECEIVED: PromiseTerm(within=timedelta(hours=1)),
    PromiseKind.INFORMATION_NEEDED: PromiseTerm(within=timedelta(hours=1)),
    PromiseKind.PRIOR_AUTHORIZATION_STATUS: PromiseTerm(within=timedelta(hours=24)),
    PromiseKind.APPOINTMENT: PromiseTerm(within=timedelta(hours=1)),
    PromiseKind.OUTCOME: PromiseTerm(within=timedelta(hours=1)),
}
"""What is promised where a clinic has agreed nothing else."""


class PromiseState(StrEnum):
    """Where a promise stands."""

    OPEN = "open"
    AT_RISK = "at_risk"
    KEPT = "kept"
    BROKEN = "broken"


NEXT: Mapping[PromiseState, frozenset[PromiseState]] = {
    PromiseState.OPEN: frozenset({PromiseState.AT_RISK, PromiseState.KEPT, PromiseState.BROKEN}),
    PromiseState.AT_RISK: frozenset({PromiseState.KEPT, PromiseState.BROKEN}),
    PromiseState.KEPT: frozenset(),
    PromiseState.BROKEN: frozenset({PromiseState.KEPT}),
}
"""A broken promise is never made good by a late delivery, which is recorded beside it. It is kept
after all when the clinic had the notice in time and only we heard of it too late."""

RUNNING = frozenset({PromiseState.OPEN, PromiseState.AT_RISK})


@dataclass(frozen=True, slots=True)
class Deadline:
    """The clock of one promise."""

    started_at: datetime
    at_risk_at: datetime
    due_at: datetime


def term_of(clinic: Clinic, kind: PromiseKind) -> PromiseTerm:
    """Return what the clinic was promised, or the default."""
    return clinic.promises.get(kind, DEFAULT_TERMS[kind])


def deadline(clinic: Clinic, kind: PromiseKind, started_at: datetime) -> Deadline:
    """Return the clock, in UTC, of a promise of this kind that began at `started_at`."""
    term = term_of(clinic, kind)
    return Deadline(
        started_at=started_at.astimezone(UTC),
        at_risk_at=calendar.due(started_at, term, clinic, share=AT_RISK_SHARE),
        due_at=calendar.due(started_at, term, clinic),
    )


def started_at(event: ReferralEvent) -> datetime:
    """Return when the clock of what an event promises began: for a referral, its receipt."""
    return event.received_at if isinstance(event, ReferralReceived) else event.occurred_at


def fate(confirmed_at: datetime, due_at: datetime) -> PromiseState:
    """Return what a confirmation makes of a promise: the deadline itself is in time."""
    return PromiseState.KEPT if confirmed_at <= due_at else PromiseState.BROKEN


def sources(to: PromiseState) -> frozenset[PromiseState]:
    """Return the states from which a promise may come to `to`."""
    return frozenset(state for state, targets in NEXT.items() if to in targets)
