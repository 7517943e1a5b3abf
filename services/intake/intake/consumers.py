"""Which events of other services intake reads, and the handler of each."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from common.database import Transaction
from common.events import emr
from common.events.envelope import Event
from common.verdicts import Handler, Handlers, Heard, Together
from intake.handlers import follow, papers, patients, requests, results, statuses
from intake.handlers.desk import Desk

TOPICS = ("emr.events", "notification.events")

Verb = Callable[[Transaction, Desk, Any, datetime], Awaitable[None]]
VerbOfMany = Callable[[Transaction, Desk, Sequence[Heard[Any]], datetime], Awaitable[None]]

VERBS: Mapping[type[Event], Verb] = {
    emr.CancellationSubmitted: requests.take_cancellation,
    emr.ReviewRequested: requests.take_review,
    emr.DocumentPart: papers.keep_part,
    emr.DocumentsSubmitted: results.take,
    emr.PatientUpdated: patients.update,
    emr.PatientMerged: patients.merge,
    emr.AppointmentTold: statuses.take_appointment,
    emr.OrderStatusTold: statuses.take_status,
    emr.StatusRequested: statuses.report,
}

VERBS_OF_MANY: Mapping[type[Event], VerbOfMany] = {
    emr.ReferralSubmitted: requests.take_submissions,
    **dict.fromkeys(follow.FOLLOWED, follow.follow),
}
"""What comes thousandfold, and is taken together."""


def handlers(desk: Desk) -> Handlers:
    """Return the handler of each event that matters here, at this desk."""
    one_by_one = {event: _at(desk, verb) for event, verb in VERBS.items()}
    together = {verb: _all_at(desk, verb) for verb in VERBS_OF_MANY.values()}
    return one_by_one | {event: together[verb] for event, verb in VERBS_OF_MANY.items()}


def _at(desk: Desk, verb: Verb) -> Handler:
    async def handle(tx: Transaction, event: Event, now: datetime) -> None:
        await verb(tx, desk, event, now)

    return handle


def _all_at(desk: Desk, verb: VerbOfMany) -> Handler:
    async def handle(tx: Transaction, heard: Sequence[Heard[Any]], now: datetime) -> None:
        await verb(tx, desk, heard, now)

    return Together(handle)
