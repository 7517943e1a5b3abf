"""Which events of other services intake reads, and the handler of each."""

from datetime import datetime

from common.database import Transaction
from common.events.emr import CancellationSubmitted, ReferralSubmitted, ReviewRequested
from common.events.envelope import Event
from common.events.notification import (
    DeliveryEvent,
    DeliveryFailed,
    NoticeDelivered,
    PromiseEvent,
)
from common.verdicts import Handler, Handlers
from intake.handlers import follow
from intake.handlers.desk import Desk

TOPICS = ("emr.events", "notification.events")


def handlers(desk: Desk) -> Handlers:
    """Return the handler of each event that matters here."""

    async def submission(tx: Transaction, event: ReferralSubmitted, now: datetime) -> None:
        await follow.take_submission(tx, desk, event, now)

    async def cancellation(tx: Transaction, event: CancellationSubmitted, now: datetime) -> None:
        await follow.take_cancellation(tx, desk, event, now)

    async def review(tx: Transaction, event: ReviewRequested, now: datetime) -> None:
        await follow.take_review(tx, desk, event, now)

    async def promise(tx: Transaction, event: PromiseEvent, now: datetime) -> None:
        await follow.follow_promise(tx, desk, event, now)

    async def delivery(tx: Transaction, event: DeliveryEvent, now: datetime) -> None:
        await follow.follow_delivery(tx, desk, event, now)

    told: dict[type[Event], Handler] = {
        ReferralSubmitted: submission,
        CancellationSubmitted: cancellation,
        ReviewRequested: review,
        NoticeDelivered: delivery,
        DeliveryFailed: delivery,
    }
    return told | dict.fromkeys(follow.PROMISE_STATES, promise)
