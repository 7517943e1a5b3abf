"""What notifications tells, taken over: promises and deliveries."""

from datetime import datetime
from typing import Any

from common.database import Transaction
from common.errors import SetAside
from common.events.notification import (
    DeliveryEvent,
    DeliveryFailed,
    NoticeDelivered,
    NotificationEvent,
    PromiseAtRisk,
    PromiseBroken,
    Promised,
    PromiseEvent,
    PromiseKept,
)
from intake.handlers.desk import Desk
from intake.store import deliveries, promises, referrals, timeline

PROMISE_STATES: dict[type[PromiseEvent], str] = {
    Promised: "promised",
    PromiseAtRisk: "at_risk",
    PromiseKept: "kept",
    PromiseBroken: "broken",
}


async def follow_promise(tx: Transaction, desk: Desk, event: PromiseEvent, now: datetime) -> None:
    """Keep a copy of a promise's fate, and its place in the timeline."""
    await _require_referral(tx, event)
    row = {
        "id": event.promise_id,
        "referral_id": event.referral_id,
        "kind": event.kind.value,
        "state": PROMISE_STATES[type(event)],
        "notice_id": event.notice_id,
        "started_at": event.started_at,
        "due_at": event.due_at,
        "kept_at": event.kept_at if isinstance(event, PromiseKept) else None,
    }
    await promises.put(tx, row)
    await _to_timeline(tx, desk, event, now=now)


async def follow_delivery(tx: Transaction, desk: Desk, event: DeliveryEvent, now: datetime) -> None:
    """Keep a copy of how a delivery ended, and its place in the timeline."""
    await _require_referral(tx, event)
    row: dict[str, Any] = {
        "id": event.delivery_id,
        "referral_id": event.referral_id,
        "notice_id": event.notice_id,
        "notice": event.notice,
        "channel": event.channel,
        "state": "delivered" if isinstance(event, NoticeDelivered) else "failed",
        "attempts": event.attempts,
        "confirmed_at": event.confirmed_at if isinstance(event, NoticeDelivered) else None,
        "needs_person": isinstance(event, DeliveryFailed) and event.needs_person,
        "ended_at": event.occurred_at,
    }
    if isinstance(event, DeliveryFailed):
        row["reason_class"] = event.reason_class
        row["failure_code"] = event.failure_code
        row["next_channel"] = event.next_channel
    await deliveries.put(tx, row)
    await _to_timeline(tx, desk, event, now=now)


async def _require_referral(tx: Transaction, event: NotificationEvent) -> None:
    if not await referrals.exists(tx, event.referral_id):
        raise SetAside("unknown_referral", "no referral has the id of this event")


async def _to_timeline(
    tx: Transaction, desk: Desk, event: NotificationEvent, *, now: datetime
) -> None:
    known = {"occurred_at", "sealed", "referral_id", "clinic_id"}
    entry = timeline.Entry(
        occurred_at=event.occurred_at,
        recorded_at=now,
        actor="notifications",
        what=event.type,
        facts=event.model_dump(mode="json", exclude_none=True, exclude=known),
    )
    await timeline.append(tx, desk.sealer, event.referral_id, entry)
