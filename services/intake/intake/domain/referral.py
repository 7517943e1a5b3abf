"""The referral: its statuses, the one table of allowed moves, and the value that moves.

Knows nothing of people: what a clinic said of its patient is kept beside it, sealed.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, TypeVar
from uuid import UUID

from common.errors import IllegalMove
from common.events.referral import ReferralEvent, WaitingOn
from intake.domain.appointment import Appointment
from intake.domain.prior_authorization import PriorAuthorization, waiting_on
from intake.domain.reasons import ShipmentTrouble

Fact = TypeVar("Fact", bound=ReferralEvent)


class Status(StrEnum):
    """Where a referral stands."""

    RECEIVED = "received"
    INFORMATION_NEEDED = "information_needed"
    ACCEPTED = "accepted"
    BENEFITS_INVESTIGATION = "benefits_investigation"
    PRIOR_AUTHORIZATION = "prior_authorization"
    FINANCIAL_ASSISTANCE = "financial_assistance"
    CLINICAL_REVIEW = "clinical_review"
    READY_TO_SCHEDULE = "ready_to_schedule"
    SCHEDULED = "scheduled"
    SHIPPED = "shipped"
    ACTIVE = "active"
    ON_HOLD = "on_hold"
    DECLINED = "declined"
    TRANSFERRED = "transferred"
    CANCELLED = "cancelled"
    DISCONTINUED = "discontinued"


S = Status

ENDS = frozenset({S.DECLINED, S.TRANSFERRED, S.CANCELLED, S.DISCONTINUED})
OPEN = frozenset(Status) - ENDS - {S.ACTIVE}
LIVE = OPEN | {S.ACTIVE}
"""Those that still are the clinic's order: worked on, or filled and going on."""

STAGES = OPEN - {S.INFORMATION_NEEDED, S.ON_HOLD}
WORK = frozenset(
    {S.BENEFITS_INVESTIGATION, S.PRIOR_AUTHORIZATION, S.FINANCIAL_ASSISTANCE, S.CLINICAL_REVIEW}
)
EXITS = frozenset({S.ON_HOLD, S.DECLINED, S.TRANSFERRED, S.CANCELLED})
ASIDE = EXITS | {S.INFORMATION_NEEDED}

NEXT: dict[Status, frozenset[Status]] = {
    S.RECEIVED: ASIDE | {S.ACCEPTED},
    S.INFORMATION_NEEDED: EXITS | STAGES,
    S.ACCEPTED: ASIDE | WORK | {S.READY_TO_SCHEDULE},
    S.BENEFITS_INVESTIGATION: ASIDE | WORK - {S.BENEFITS_INVESTIGATION} | {S.READY_TO_SCHEDULE},
    S.PRIOR_AUTHORIZATION: ASIDE | WORK - {S.PRIOR_AUTHORIZATION} | {S.READY_TO_SCHEDULE},
    S.FINANCIAL_ASSISTANCE: ASIDE | WORK - {S.FINANCIAL_ASSISTANCE} | {S.READY_TO_SCHEDULE},
    S.CLINICAL_REVIEW: ASIDE | WORK - {S.CLINICAL_REVIEW} | {S.READY_TO_SCHEDULE},
    S.READY_TO_SCHEDULE: ASIDE | {S.PRIOR_AUTHORIZATION, S.SCHEDULED},
    S.SCHEDULED: ASIDE | {S.READY_TO_SCHEDULE, S.SHIPPED, S.ACTIVE},
    S.SHIPPED: ASIDE | {S.READY_TO_SCHEDULE, S.ACTIVE},
    S.ACTIVE: frozenset({S.DISCONTINUED}),
    S.ON_HOLD: STAGES | {S.INFORMATION_NEEDED, S.DECLINED, S.TRANSFERRED, S.CANCELLED},
    S.DECLINED: frozenset(),
    S.TRANSFERRED: frozenset(),
    S.CANCELLED: frozenset(),
    S.DISCONTINUED: frozenset(),
}
"""Every allowed move. A paused referral (information_needed, on_hold) goes back to where it paused only."""

WAITS: dict[Status, WaitingOn] = {
    S.RECEIVED: "pharmacy",
    S.INFORMATION_NEEDED: "prescriber",
    S.ACCEPTED: "pharmacy",
    S.BENEFITS_INVESTIGATION: "pharmacy",
    S.PRIOR_AUTHORIZATION: "pharmacy",
    S.FINANCIAL_ASSISTANCE: "pharmacy",
    S.CLINICAL_REVIEW: "prescriber",
    S.READY_TO_SCHEDULE: "pharmacy",
    S.SCHEDULED: "patient",
    S.SHIPPED: "pharmacy",
    S.ACTIVE: "nobody",
    S.ON_HOLD: "pharmacy",
    S.DECLINED: "nobody",
    S.TRANSFERRED: "nobody",
    S.CANCELLED: "nobody",
    S.DISCONTINUED: "nobody",
}
"""Who acts next when nothing more exact is known; in prior_authorization its state decides."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Where a referral stood when it paused, so that it can go back there."""

    status: Status
    reason: str | None
    waiting_on: WaitingOn


@dataclass(frozen=True, slots=True)
class Cancellation:
    """The clinic's wish to cancel: waiting for our answer, confirmed, or overtaken by what had happened."""

    state: Literal["requested", "confirmed", "overtaken"]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Referral:
    """One clinic's request that a patient get a drug, as far as its state goes."""

    id: UUID
    clinic_id: str
    code: str
    status: Status = Status.RECEIVED
    reason: str | None = None
    waiting_on: WaitingOn = "pharmacy"
    respond_by: datetime | None = None
    version: int = 1
    held_at: Pause | None = None
    asked_at: Pause | None = None
    cancellation: Cancellation | None = None
    appointment: Appointment | None = None
    authorizations: tuple[PriorAuthorization, ...] = ()

    @property
    def stage(self) -> Status:
        """Return the stage that the referral is in, or was in when it paused."""
        return self._unpaused().status

    @property
    def is_on_its_way(self) -> bool:
        """Whether the drug was shipped and did not come back, also while the referral is paused."""
        here = self._unpaused()
        return here.status is S.SHIPPED and here.reason != ShipmentTrouble.RETURNED

    @property
    def open_authorizations(self) -> tuple[PriorAuthorization, ...]:
        """Return the current authorizations on which a decision is still owed."""
        return tuple(pa for pa in self.authorizations if pa.current and pa.is_open)

    @property
    def is_cancellation_requested(self) -> bool:
        """Whether the clinic's wish to cancel still waits for an answer."""
        return self.cancellation is not None and self.cancellation.state == "requested"

    def to(
        self,
        status: Status,
        *,
        reason: str | None = None,
        waits: WaitingOn | None = None,
        **changes: Any,
    ) -> "Referral":
        """Return the referral after a move of the table; IllegalMove for any other."""
        if status not in NEXT[self.status]:
            raise IllegalMove(
                f"a referral that is {self.status} cannot become {status}",
                allowed=sorted(NEXT[self.status]),
            )
        moved = self.changed(status=status, reason=reason, respond_by=None, **changes)
        return replace(moved, waiting_on=waits or moved.usual_wait())

    def changed(self, **changes: Any) -> "Referral":
        """Return the next version of the referral with some fields changed and the status kept."""
        return replace(self, version=self.version + 1, **changes)

    def usual_wait(self) -> WaitingOn:
        """Return who acts next by the status alone, or by the prior authorizations in their status."""
        if self.status is S.PRIOR_AUTHORIZATION:
            return waiting_on(self.authorizations)
        return WAITS[self.status]

    def back_to(self, pause: Pause, **changes: Any) -> "Referral":
        """Return the referral where it paused; prior authorizations may have moved meanwhile."""
        waits = None if pause.status is S.PRIOR_AUTHORIZATION else pause.waiting_on
        return self.to(pause.status, reason=pause.reason, waits=waits, **changes)

    def _unpaused(self) -> Pause:
        here, pauses = self.pause(), {S.ON_HOLD: self.held_at, S.INFORMATION_NEEDED: self.asked_at}
        while pause := pauses.pop(here.status, None):
            here = pause
        return here

    def pause(self) -> Pause:
        """Return what has to be remembered to come back here."""
        return Pause(self.status, self.reason, self.waiting_on)

    def tell(self, kind: type[Fact], *, now: datetime, **facts: Any) -> Fact:
        """Return an event that carries the state as it is now."""
        return kind(
            referral_id=self.id,
            clinic_id=self.clinic_id,
            code=self.code,
            version=self.version,
            status=self.status.value,
            reason=self.reason,
            waiting_on=self.waiting_on,
            respond_by=self.respond_by,
            occurred_at=now,
            **facts,
        )


Decided = tuple[Referral, tuple[ReferralEvent, ...]]
"""What a decision returns: the referral after it, and what happened."""
