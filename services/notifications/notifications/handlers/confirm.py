"""Record that the far side has a notice. The first confirmation closes it; no other counts."""

from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import RowMapping

from common import metrics, outbox, tracing
from common.database import Transaction
from common.events.notification import NoticeDelivered
from notifications.domain.delivery import DeliveryState, arrived_at
from notifications.handlers.owe import settle
from notifications.handlers.withdraw import withdraw_rest
from notifications.store import attempts, deliveries, notices, tasks

log = structlog.get_logger()


async def confirm(
    tx: Transaction,
    delivery_id: UUID,
    *,
    at: datetime,
    now: datetime,
    tried: int | None = None,
) -> bool:
    """Confirm a delivery; return whether it was this that told the clinic.

    `at` is when the far side says that it had it, believed within bounds; `tried` is how often
    another service tried on our behalf.

    A repeat changes nothing. A later confirmation by another channel, or of a copy that a person
    asked for, is recorded as late: no event, no promise, never counted twice.
    """
    found = await deliveries.find(tx, delivery_id)
    if found is None:
        return False
    await notices.lock(tx, found["notice_id"])
    over = {"ended_at": now, "reason": None, "code": None, "attempts": tried or found["attempts"]}
    row = await deliveries.move(tx, delivery_id, DeliveryState.CONFIRMED, **over)
    if row is None:
        return False
    began = await attempts.began_at(tx, row["attempt_id"])
    at = arrived_at(at, began=began, now=now)
    await attempts.end(tx, row["attempt_id"], "confirmed", now=now)
    if not await notices.confirm(tx, row["notice_id"], by=delivery_id, at=at):
        await deliveries.mark_late(tx, delivery_id)
        await _decide_again(tx, row, at=at, now=now)
        log.info("delivery_confirmed_late", delivery_id=str(delivery_id), channel=row["channel"])
        return False
    about = {"delivery_id": delivery_id, "notice_id": row["notice_id"]}
    with tracing.span("confirm delivery", channel=row["channel"], **about):
        await _close(tx, row, at=at, now=now)
    return True


async def _decide_again(tx: Transaction, row: RowMapping, *, at: datetime, now: datetime) -> None:
    """Let what was heard of second decide the promise if it arrived first."""
    notice = await notices.get(tx, row["notice_id"])
    if at < notice["confirmed_at"]:
        await settle(tx, notice, at=at, now=now)


async def _close(tx: Transaction, row: RowMapping, *, at: datetime, now: datetime) -> None:
    notice = await notices.get(tx, row["notice_id"])
    await withdraw_rest(tx, notice["id"], reason="confirmed_elsewhere", now=now)
    await tasks.close_moot(tx, notice["id"], now=now)
    event = NoticeDelivered(
        occurred_at=at,
        referral_id=row["referral_id"],
        clinic_id=row["clinic_id"],
        delivery_id=row["id"],
        notice_id=notice["id"],
        notice=notice["name"],
        channel=row["channel"],
        attempts=row["attempts"],
        confirmed_at=at,
    )
    await outbox.append(tx, event, now=now)
    await settle(tx, notice, at=at, now=now)
    took = max(0.0, (at - notice["happened_at"]).total_seconds())
    metrics.delivery_seconds.labels(row["channel"]).observe(took)
