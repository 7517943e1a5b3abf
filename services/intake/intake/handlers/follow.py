"""What notifications tells, taken over: promises and deliveries."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from common.database import Transaction
from common.errors import SetAside
from common.events.envelope import Event
from common.events.notification import (
    DeliveryEvent,
    DeliveryFailed,
    NoticeDelivered,
    PromiseAtRisk,
    PromiseBroken,
    Promised,
    PromiseEvent,
    PromiseKept,
)
from common.verdicts import Heard
from intake.handlers.desk import Desk
from intake.store import deliveries, promises, referrals, timeline

PROMISE_STATES: dict[type[PromiseEvent], str] = {
    Promised: "promised",
    PromiseAtRisk: "at_risk",
    PromiseKept: "kept",
    PromiseBroken: "broken",
}

FOLLOWED: tuple[type[Event], ...] = (*PROMISE_STATES, NoticeDelivered, DeliveryFailed)

Followed = PromiseEvent | DeliveryEvent


async def follow(
    tx: Transaction, desk: Desk, heard: Sequence[Heard[Followed]], now: datetime
) -> None:
    """Keep copies of promises' fates and of how deliveries ended, and their places in the timelines."""
    events = [event for event, _ in heard]
    ids = {event.referral_id for event in events}
    if ids - await referrals.existing(tx, ids):
        raise SetAside("unknown_referral", "no referral has the id of this event")
    await promises.put_all(tx, [_promise(one) for one in events if isinstance(one, PromiseEvent)])
    await deliveries.put_all(
        tx, [_delivery(one) for one in events if isinstance(one, DeliveryEvent)]
    )
    entries = [(event.referral_id, _entry(event, now)) for event in events]
    await timeline.append_all(tx, desk.sealer, entries)


def _promise(event: PromiseEvent) -> dict[str, Any]:
    return {
        "id": event.promise_id,
        "referral_id": event.referral_id,
        "kind": event.kind.value,
        "state": PROMISE_STATES[type(event)],
        "notice_id": event.notice_id,
        "started_at": event.started_at,
        "due_at": event.due_at,
        "kept_at": event.kept_at if isinstance(event, PromiseKept) else None,
    }


def _delivery(event: DeliveryEvent) -> dict[str, Any]:
    failed = event if isinstance(event, DeliveryFailed) else None
    return {
        "id": event.delivery_id,
        "referral_id": event.referral_id,
        "notice_id": event.notice_id,
        "notice": event.notice,
        "channel": event.channel,
        "state": "failed" if failed else "delivered",
        "attempts": event.attempts,
        "confirmed_at": event.confirmed_at if isinstance(event, NoticeDelivered) else None,
        "reason_class": failed.reason_class if failed else None,
        "failure_code": failed.failure_code if failed else None,
        "next_channel": failed.next_channel if failed else None,
        "needs_person": failed.needs_person if failed else False,
        "ended_at": event.occurred_at,
    }


def _entry(event: Followed, now: datetime) -> timeline.Entry:
    known = {"occurred_at", "sealed", "referral_id", "clinic_id"}
    return timeline.Entry(
        occurred_at=event.occurred_at,
        recorded_at=now,
        actor="notifications",
        what=event.type,
        facts=event.model_dump(mode="json", exclude_none=True, exclude=known),
    )
