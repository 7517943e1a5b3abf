"""Take back what has not left, because the clinic has it already or is told in another way."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping

from common import outbox
from common.database import Transaction
from common.events.notification import EmrDeliveryWithdrawn
from notifications.domain.delivery import LIVE, WAITING, DeliveryState
from notifications.store import attempts, deliveries

PARKED = "refused"
"""The verdict of emr-bridge on what an EMR refused; it keeps it for a person."""


async def withdraw(tx: Transaction, row: RowMapping, *, reason: str, now: datetime) -> None:
    """Withdraw one delivery; emr-bridge is asked not to send what it was given."""
    over = {"ended_at": now, "reason": reason}
    if await deliveries.move(tx, row["id"], DeliveryState.WITHDRAWN, **over) is None:
        return
    await attempts.end(tx, row["attempt_id"], "withdrawn", now=now)
    if _with_emr_bridge(row):
        await outbox.append(tx, _withdrawn(row, now), now=now)


async def withdraw_rest(tx: Transaction, notice_id: UUID, *, reason: str, now: datetime) -> None:
    """Withdraw what can be taken back of a notice.

    What a fax gateway has cannot: it is left to finish, and counts as late. What an EMR refused is
    parked at emr-bridge, where a person may send it again: that is no longer wanted either.
    """
    for row in await deliveries.of_notice(tx, notice_id, LIVE):
        if can_be_taken_back(row):
            await withdraw(tx, row, reason=reason, now=now)
    for row in await deliveries.of_notice(tx, notice_id, {DeliveryState.FAILED}):
        if row["channel"] == "emr" and row["reason"] == PARKED:
            await outbox.append(tx, _withdrawn(row, now), now=now)


def can_be_taken_back(row: RowMapping) -> bool:
    """Return whether a delivery has not left yet, or is with emr-bridge, which can be asked."""
    return row["state"] in WAITING or _with_emr_bridge(row)


def _with_emr_bridge(row: RowMapping) -> bool:
    return bool(row["channel"] == "emr" and row["state"] == DeliveryState.SUBMITTED)


def _withdrawn(row: RowMapping, now: datetime) -> EmrDeliveryWithdrawn:
    return EmrDeliveryWithdrawn(
        occurred_at=now,
        referral_id=row["referral_id"],
        clinic_id=row["clinic_id"],
        delivery_id=row["id"],
    )
