"""Prior authorization: a plan's leave to dispense, a small state machine of its own.

Knows one authorization and its table; how it moves the referral stands in `authorizing`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Literal
from uuid import UUID

from common.errors import Conflict, FieldError, IllegalMove, Invalid
from common.events.referral import WaitingOn
from intake.domain.reasons import DenialReason

Benefit = Literal["pharmacy", "medical"]
Medium = Literal["epa", "portal", "fax", "phone"]


class PaState(StrEnum):
    """Where a prior authorization stands."""

    NOT_REQUIRED = "not_required"
    REQUIRED_NOT_STARTED = "required_not_started"
    WAITING_PRESCRIBER = "waiting_prescriber"
    SUBMITTED = "submitted"
    PENDED_INFO = "pended_info"
    PEER_TO_PEER = "peer_to_peer"
    APPROVED = "approved"
    APPROVED_MODIFIED = "approved_modified"
    DENIED = "denied"
    APPEAL_SUBMITTED = "appeal_submitted"
    APPEAL_APPROVED = "appeal_approved"
    APPEAL_DENIED = "appeal_denied"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    CHANGE_PAYER = "change_payer"
    ERROR = "error"


class AppealLevel(IntEnum):
    """How high an appeal has gone; external is the review outside the plan."""

    NONE = 0
    FIRST = 1
    SECOND = 2
    EXTERNAL = 3


S = PaState

FIRST_STATES = frozenset({S.NOT_REQUIRED, S.REQUIRED_NOT_STARTED})

PA_NEXT: dict[PaState, frozenset[PaState]] = {
    S.NOT_REQUIRED: frozenset(),
    S.REQUIRED_NOT_STARTED: frozenset(
        {S.WAITING_PRESCRIBER, S.SUBMITTED, S.CANCELLED, S.CHANGE_PAYER}
    ),
    S.WAITING_PRESCRIBER: frozenset({S.SUBMITTED, S.CANCELLED, S.CHANGE_PAYER}),
    S.SUBMITTED: frozenset(
        {
            S.PENDED_INFO,
            S.PEER_TO_PEER,
            S.APPROVED,
            S.APPROVED_MODIFIED,
            S.DENIED,
            S.NOT_REQUIRED,
            S.CANCELLED,
            S.ERROR,
            S.CHANGE_PAYER,
        }
    ),
    S.PENDED_INFO: frozenset(
        {S.SUBMITTED, S.APPROVED, S.APPROVED_MODIFIED, S.DENIED, S.CANCELLED, S.CHANGE_PAYER}
    ),
    S.PEER_TO_PEER: frozenset(
        {S.SUBMITTED, S.APPROVED, S.APPROVED_MODIFIED, S.DENIED, S.CANCELLED, S.CHANGE_PAYER}
    ),
    S.DENIED: frozenset({S.APPEAL_SUBMITTED, S.SUBMITTED, S.CANCELLED, S.CHANGE_PAYER}),
    S.APPEAL_SUBMITTED: frozenset({S.APPEAL_APPROVED, S.APPEAL_DENIED, S.PENDED_INFO, S.CANCELLED}),
    S.APPEAL_DENIED: frozenset({S.APPEAL_SUBMITTED, S.CANCELLED}),
    S.APPROVED: frozenset({S.EXPIRED, S.CHANGE_PAYER}),
    S.APPROVED_MODIFIED: frozenset({S.EXPIRED, S.CHANGE_PAYER}),
    S.APPEAL_APPROVED: frozenset({S.EXPIRED, S.CHANGE_PAYER}),
    S.ERROR: frozenset({S.SUBMITTED, S.CANCELLED}),
    S.EXPIRED: frozenset(),
    S.CANCELLED: frozenset(),
    S.CHANGE_PAYER: frozenset(),
}
"""Allowed moves of one record. ERROR is entered from SUBMITTED alone, so "the state before it" is that."""

RENEWABLE = frozenset({S.EXPIRED, S.CANCELLED, S.CHANGE_PAYER, S.NOT_REQUIRED})
"""After these a new record of the same benefit may be opened; it names the one that it replaces."""

APPROVALS = frozenset({S.APPROVED, S.APPROVED_MODIFIED, S.APPEAL_APPROVED})
DENIALS = frozenset({S.DENIED, S.APPEAL_DENIED})
CLOSED = APPROVALS | RENEWABLE
AFRESH = APPROVALS | DENIALS | {S.SUBMITTED}
"""Into these the plan decides anew, or is asked anew: what was said of its last decision is over."""

NEVER_DENIED = APPROVALS | FIRST_STATES | {S.WAITING_PRESCRIBER, S.SUBMITTED}
"""In these nothing was denied, or what was is over: no reason of a denial belongs to them."""

NEXT_ACTOR: dict[PaState, WaitingOn] = {
    S.NOT_REQUIRED: "pharmacy",
    S.REQUIRED_NOT_STARTED: "pharmacy",
    S.WAITING_PRESCRIBER: "prescriber",
    S.SUBMITTED: "payer",
    S.PENDED_INFO: "prescriber",
    S.PEER_TO_PEER: "prescriber",
    S.APPROVED: "pharmacy",
    S.APPROVED_MODIFIED: "pharmacy",
    S.DENIED: "prescriber",
    S.APPEAL_SUBMITTED: "payer",
    S.APPEAL_APPROVED: "pharmacy",
    S.APPEAL_DENIED: "prescriber",
    S.CANCELLED: "pharmacy",
    S.EXPIRED: "prescriber",
    S.CHANGE_PAYER: "pharmacy",
    S.ERROR: "pharmacy",
}

URGENCY: tuple[WaitingOn, ...] = ("prescriber", "payer", "pharmacy")
"""Of several open authorizations, the one that waits on the clinic is what the clinic must hear of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaDetails:
    """What is known of an authorization beside its state; None means not known."""

    payer: str | None = None
    case_id: str | None = None
    reference_id: str | None = None
    submitted_by: str | None = None
    channel: Medium | None = None
    submitted_on: date | None = None
    decided_on: date | None = None
    authorization_number: str | None = None
    effective_on: date | None = None
    expires_on: date | None = None
    units: Decimal | None = None
    appeal_deadline: date | None = None
    denial_reason: DenialReason | None = None
    note: str | None = None


NO_DETAILS = PaDetails()


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorAuthorization:
    """One request to one plan. `known_at` is when we learned of its state."""

    id: UUID
    benefit: Benefit
    state: PaState
    known_at: datetime
    level: AppealLevel = AppealLevel.NONE
    details: PaDetails = NO_DETAILS
    replaces: UUID | None = None
    current: bool = True

    @property
    def is_open(self) -> bool:
        """Whether a decision, or an answer to one, is still owed by somebody."""
        return self.state not in CLOSED

    @property
    def waiting_on(self) -> WaitingOn:
        """Who must act next."""
        return NEXT_ACTOR[self.state]

    def to(
        self, state: PaState, details: PaDetails, *, level: AppealLevel | None, now: datetime
    ) -> "PriorAuthorization":
        """Return the authorization in another state; `level` only when an appeal names its own."""
        if state not in PA_NEXT[self.state]:
            raise no_such_move(self.state, state, allowed=PA_NEXT[self.state])
        level = self._level(state, level)
        return replace(self, state=state, details=details, level=level, known_at=now)

    def details_in(self, state: PaState) -> PaDetails:
        """Return what stays true of it in that state; why a plan denied is true until it does not."""
        if state is self.state or state not in AFRESH:
            return self.details
        upheld = self.details.denial_reason if state in DENIALS else None
        return replace(self.details, decided_on=None, appeal_deadline=None, denial_reason=upheld)

    def _level(self, state: PaState, asked: AppealLevel | None) -> AppealLevel:
        if state is PaState.APPEAL_SUBMITTED:
            return self._higher(asked)
        starts_anew = self.state is PaState.DENIED
        return AppealLevel.NONE if starts_anew else self.level

    def _higher(self, asked: AppealLevel | None) -> AppealLevel:
        if self.level is AppealLevel.EXTERNAL:
            raise Conflict("an external review is the last appeal; there is no further level")
        level = AppealLevel(self.level + 1) if asked is None else asked
        if level <= self.level:
            raise Conflict(f"the next appeal must be above level {self.level.value}")
        return level


def refuse_denial_reason(state: PaState) -> None:
    """Refuse the reason of a denial with a state in which nothing is denied."""
    if state in NEVER_DENIED:
        fault = FieldError("/denial_reason", f"does not belong to {state}; leave it out, or null")
        raise Invalid("only what was denied has a reason of its denial", errors=[fault])


def no_such_move(
    before: PaState | None, after: PaState, *, allowed: Iterable[PaState]
) -> IllegalMove:
    """Return the refusal of a move that the table does not hold; `allowed` names those that it does."""
    origin = f"in state {before}" if before else "that is new"
    return IllegalMove(
        f"a prior authorization {origin} cannot become {after}", allowed=sorted(allowed)
    )


def waiting_on(authorizations: Iterable[PriorAuthorization]) -> WaitingOn:
    """Return who must act next on the current authorizations together."""
    current = [pa for pa in authorizations if pa.current]
    waits = {pa.waiting_on for pa in current if pa.is_open} or {pa.waiting_on for pa in current}
    return next((actor for actor in URGENCY if actor in waits), "pharmacy")
