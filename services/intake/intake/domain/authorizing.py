"""Prior authorizations on a referral: opening one, moving one, and what that does to the referral."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from common.errors import Conflict, FieldError, Invalid
from common.events.referral import PriorAuthorizationChanged
from intake.domain.commands import Command, require
from intake.domain.prior_authorization import (
    FIRST_STATES,
    NO_DETAILS,
    RENEWABLE,
    AppealLevel,
    Benefit,
    PaDetails,
    PaState,
    PriorAuthorization,
    no_such_move,
)
from intake.domain.referral import WORK, Decided, Pause, Referral, Status

BEFORE_A_DATE = WORK | {Status.ACCEPTED, Status.READY_TO_SCHEDULE}
"""In these stages an open authorization takes the referral into prior_authorization."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaChange:
    """What is put: the state, and as much as is known beside it."""

    id: UUID
    state: PaState
    benefit: Benefit | None = None
    level: AppealLevel | None = None
    details: PaDetails = NO_DETAILS


def put(referral: Referral, change: PaChange, *, now: datetime) -> Decided:
    """Open or move the authorization of this id; the same again changes nothing."""
    require(referral, Command.PRIOR_AUTHORIZATION)
    before = next((pa for pa in referral.authorizations if pa.id == change.id), None)
    if before is None:
        return _open(referral, change, now=now)
    after = _changed(before, change, now=now)
    if after == before:
        return referral, ()
    others = tuple(after if pa.id == after.id else pa for pa in referral.authorizations)
    return _told(referral, others, after, before.state, now=now)


def _open(referral: Referral, change: PaChange, *, now: datetime) -> Decided:
    if change.state not in FIRST_STATES:
        raise no_such_move(None, change.state, allowed=FIRST_STATES)
    if change.benefit is None:
        raise Invalid(
            "a new prior authorization needs its benefit",
            errors=[FieldError("/benefit", "pharmacy or medical")],
        )
    earlier = _current(referral, change.benefit)
    if earlier is not None and earlier.state not in RENEWABLE:
        raise Conflict(
            f"{earlier.benefit} prior authorization {earlier.id} ({earlier.state}) is the current one"
        )
    opened = PriorAuthorization(
        id=change.id,
        benefit=change.benefit,
        state=change.state,
        known_at=now,
        details=change.details,
        replaces=earlier.id if earlier else None,
    )
    past = tuple(_retired(pa) if pa is earlier else pa for pa in referral.authorizations)
    return _told(referral, (*past, opened), opened, None, now=now)


def _current(referral: Referral, benefit: Benefit) -> PriorAuthorization | None:
    same = (pa for pa in referral.authorizations if pa.current and pa.benefit == benefit)
    return next(same, None)


def _retired(authorization: PriorAuthorization) -> PriorAuthorization:
    return replace(authorization, current=False)


def _changed(before: PriorAuthorization, change: PaChange, *, now: datetime) -> PriorAuthorization:
    """Move it, or with the state kept correct what is known of it."""
    if change.benefit not in {None, before.benefit}:
        raise Conflict(f"prior authorization {before.id} is one of the {before.benefit} benefit")
    if change.state is before.state:
        return replace(before, details=change.details, level=change.level or before.level)
    return before.to(change.state, change.details, level=change.level, now=now)


def _told(
    referral: Referral,
    authorizations: tuple[PriorAuthorization, ...],
    changed: PriorAuthorization,
    before: PaState | None,
    *,
    now: datetime,
) -> Decided:
    after = _placed(replace(referral, authorizations=authorizations), changed)
    details = changed.details
    fact = after.tell(
        PriorAuthorizationChanged,
        now=now,
        prior_authorization_id=changed.id,
        benefit=changed.benefit,
        state=changed.state.value,
        previous_state=before.value if before else None,
        authorization_waiting_on=changed.waiting_on,
        open=changed.is_open,
        level=changed.level.value,
        denial_reason=details.denial_reason.value if details.denial_reason else None,
        appeal_deadline=details.appeal_deadline,
        decided_on=details.decided_on,
        effective_on=details.effective_on,
        expires_on=details.expires_on,
    )
    return after, (fact,)


def _placed(referral: Referral, changed: PriorAuthorization) -> Referral:
    """Put the referral where an open authorization takes it: a paused one goes there when it resumes."""
    if referral.status is Status.PRIOR_AUTHORIZATION:
        return referral.changed(waiting_on=referral.usual_wait())
    if not changed.is_open or referral.stage not in BEFORE_A_DATE:
        return referral.changed()
    if referral.status in BEFORE_A_DATE:
        return referral.to(Status.PRIOR_AUTHORIZATION)
    return referral.changed(**_detour(referral))


def _detour(referral: Referral) -> dict[str, Pause]:
    """Return the innermost pause, pointing to prior_authorization."""
    inner = "asked_at" if referral.asked_at else "held_at"
    return {inner: Pause(Status.PRIOR_AUTHORIZATION, None, "pharmacy")}
