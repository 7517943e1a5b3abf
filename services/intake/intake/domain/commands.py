"""Which commands a referral takes in which status, and what more each of them asks for.

The names are the last part of each command's URL, so a refusal names what can be called instead.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum

from common.errors import IllegalMove
from intake.domain.reasons import MISSED
from intake.domain.referral import ENDS, OPEN, STAGES, WORK, Referral, S


class Command(StrEnum):
    """What may be asked of a referral."""

    ACCEPT = "accept"
    REQUEST_INFORMATION = "request-information"
    PROVIDE_INFORMATION = "provide-information"
    START_BENEFITS_INVESTIGATION = "start-benefits-investigation"
    PRIOR_AUTHORIZATION = "prior-authorizations"
    START_FINANCIAL_ASSISTANCE = "start-financial-assistance"
    START_CLINICAL_REVIEW = "start-clinical-review"
    READY_TO_SCHEDULE = "ready-to-schedule"
    SCHEDULE = "schedule"
    RESCHEDULE = "reschedule"
    CANCEL_APPOINTMENT = "cancel-appointment"
    NO_SHOW = "no-show"
    SHIP = "ship"
    REPORT_SHIPMENT = "report-shipment"
    ACTIVATE = "activate"
    HOLD = "hold"
    RESUME = "resume"
    DECLINE = "decline"
    TRANSFER = "transfer"
    REQUEST_CANCELLATION = "request-cancellation"
    CANCEL = "cancel"
    DISCONTINUE = "discontinue"


C = Command
WORKING = WORK | {S.ACCEPTED}

FROM: Mapping[Command, frozenset[S]] = {
    C.ACCEPT: frozenset({S.RECEIVED, S.INFORMATION_NEEDED}),
    C.REQUEST_INFORMATION: STAGES | {S.INFORMATION_NEEDED},
    C.PROVIDE_INFORMATION: OPEN,
    C.START_BENEFITS_INVESTIGATION: WORKING - {S.BENEFITS_INVESTIGATION},
    C.PRIOR_AUTHORIZATION: frozenset(S) - ENDS,
    C.START_FINANCIAL_ASSISTANCE: WORKING - {S.FINANCIAL_ASSISTANCE},
    C.START_CLINICAL_REVIEW: WORKING - {S.CLINICAL_REVIEW},
    C.READY_TO_SCHEDULE: WORKING | {S.SHIPPED},
    C.SCHEDULE: WORKING | {S.READY_TO_SCHEDULE, S.SHIPPED},
    C.RESCHEDULE: frozenset({S.SCHEDULED}),
    C.CANCEL_APPOINTMENT: frozenset({S.SCHEDULED}),
    C.NO_SHOW: frozenset({S.SCHEDULED}),
    C.SHIP: frozenset({S.SCHEDULED}),
    C.REPORT_SHIPMENT: frozenset({S.SHIPPED}),
    C.ACTIVATE: frozenset({S.SCHEDULED, S.SHIPPED}),
    C.HOLD: OPEN - {S.ON_HOLD},
    C.RESUME: frozenset({S.ON_HOLD}),
    C.DECLINE: OPEN,
    C.TRANSFER: OPEN,
    C.REQUEST_CANCELLATION: OPEN | {S.ACTIVE},
    C.CANCEL: OPEN,
    C.DISCONTINUE: frozenset({S.ACTIVE}),
}


TAKEN: Mapping[S, tuple[Command, ...]] = {
    status: tuple(command for command in Command if status in FROM[command]) for status in S
}
"""The same the other way round, in the order of the commands."""


def _unless_asked_later(referral: Referral) -> str | None:
    if referral.stage is S.RECEIVED:
        return None
    return "it was accepted before more information was asked for; answer with provide-information"


def _unless_not_accepted(referral: Referral) -> str | None:
    return "it is not accepted yet" if referral.stage is S.RECEIVED else None


def _unless_free_for_a_date(referral: Referral) -> str | None:
    if referral.is_on_its_way:
        return "it is on its way; only a returned shipment is scheduled again"
    waiting = ", ".join(
        f"{pa.benefit} prior authorization {pa.id} ({pa.state})"
        for pa in referral.open_authorizations
    )
    return f"still open: {waiting}" if waiting else None


def _unless_missed_already(referral: Referral) -> str | None:
    return "the patient was already reported missing" if referral.reason == MISSED else None


def _unless_requested_already(referral: Referral) -> str | None:
    return "cancellation is requested already" if referral.is_cancellation_requested else None


GUARDS: Mapping[Command, Callable[[Referral], str | None]] = {
    C.ACCEPT: _unless_asked_later,
    C.PRIOR_AUTHORIZATION: _unless_not_accepted,
    C.READY_TO_SCHEDULE: _unless_free_for_a_date,
    C.SCHEDULE: _unless_free_for_a_date,
    C.NO_SHOW: _unless_missed_already,
    C.REQUEST_CANCELLATION: _unless_requested_already,
}
"""What a command asks for beyond the status; each returns why not, or None."""


def refusal(referral: Referral, command: Command) -> str | None:
    """Return why the referral does not take the command now, or None when it does."""
    if referral.status not in FROM[command]:
        return f"{command} is not possible while it is {referral.status}"
    guard = GUARDS.get(command)
    return guard(referral) if guard else None


def allowed(referral: Referral) -> tuple[str, ...]:
    """Return the commands that the referral takes now."""
    return tuple(c.value for c in TAKEN[referral.status] if refusal(referral, c) is None)


def require(referral: Referral, command: Command) -> None:
    """Raise IllegalMove, naming the allowed commands, unless the referral takes this one now."""
    reason = refusal(referral, command)
    if reason is not None:
        raise IllegalMove(f"referral {referral.code}: {reason}", allowed=allowed(referral))
