"""What other services tell, taken over: submissions and wishes from EMRs, promises and deliveries."""

from datetime import datetime
from typing import Any

from common.database import Transaction
from common.errors import SetAside
from common.events.emr import CancellationSubmitted, ReferralSubmitted, ReviewRequested
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
from common.events.submission import Submission
from intake.domain.commands import Command, refusal
from intake.domain.endings import request_cancellation
from intake.domain.information import Door
from intake.domain.reasons import CancelReason
from intake.handlers import record, review
from intake.handlers.arrive import Order
from intake.handlers.desk import Desk
from intake.handlers.submit import submit
from intake.store import (
    clinics,
    deliveries,
    external_ids,
    promises,
    referrals,
    submissions,
    timeline,
)
from intake.store.text import plain

LONGEST_ACTOR = 200

PROMISE_STATES: dict[type[PromiseEvent], str] = {
    Promised: "promised",
    PromiseAtRisk: "at_risk",
    PromiseKept: "kept",
    PromiseBroken: "broken",
}


async def take_submission(
    tx: Transaction, desk: Desk, event: ReferralSubmitted, now: datetime
) -> None:
    """Make a referral of a message, once; without a known clinic it goes to a person."""
    submission = event.unsealed(desk.sealer, Submission)
    if submission is None:
        raise SetAside("no_submission", "the event carries no sealed submission")
    door: Door = "hl7v2" if "^" in event.message_type else "fhir"
    if not await submissions.first_sight(tx, door, event.message_id, now=now):
        return
    clinic_id = event.clinic_id or submission.clinic_id
    at_desk = desk.of(_actor(event.sender), event.message_id)
    if clinic_id is None or not await clinics.is_registered(tx, clinic_id):
        await review.of_unknown_clinic(tx, at_desk, event, submission, door=door, now=now)
        return
    at = submission.received_at or event.occurred_at
    order = Order(at_desk, submission, clinic_id, door, at, None, event.places, event.deleted)
    await submit(tx, order, now=now)


async def take_cancellation(
    tx: Transaction, desk: Desk, event: CancellationSubmitted, now: datetime
) -> None:
    """Ask for the cancellation of the referral with that number; what fits none goes to a person."""
    at_desk = desk.of(_actor(event.sender), event.message_id)
    clinic_id, number = event.clinic_id, event.external_id
    found = await external_ids.find_meant(tx, clinic_id, number) if clinic_id else []
    if len(found) != 1:
        reason = "cancellation_ambiguous" if found else "cancellation_unmatched"
        await review.of_cancellation(tx, at_desk, event, reason, now=now)
        return
    kept = await referrals.get(tx, desk.sealer, found[0], for_update=True)
    if kept.referral.is_cancellation_requested:
        facts = {"external": True}
        await record.note(tx, at_desk, found[0], "cancellation.repeated", facts=facts, now=now)
    elif refusal(kept.referral, Command.REQUEST_CANCELLATION):
        await review.of_cancellation(tx, at_desk, event, "cancellation_after_end", now=now)
    else:
        decided = request_cancellation(kept.referral, CancelReason.PRESCRIBER_WITHDREW, now=now)
        await record.keep(tx, at_desk, kept, decided, now=now)


async def take_review(tx: Transaction, desk: Desk, event: ReviewRequested, now: datetime) -> None:
    """Put a message that cannot be read before a person."""
    await review.of_message(tx, desk, event, now=now)


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


def _actor(sender: str) -> str:
    return plain(f"emr:{sender}", LONGEST_ACTOR)


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
