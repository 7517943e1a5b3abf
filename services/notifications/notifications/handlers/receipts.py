"""Record what came back of an attempt. Only whoever still holds the delivery may; nothing regresses."""

from datetime import datetime

import structlog
from sqlalchemy import RowMapping

from common.database import Transaction
from notifications.domain.delivery import DeliveryState
from notifications.handlers.confirm import confirm
from notifications.handlers.fail import Failure, try_again
from notifications.handlers.means import Means
from notifications.ports import FaxState, FaxStatus
from notifications.store import attempts, deliveries

log = structlog.get_logger()

NOT_TAKEN = Failure("provider", "not_taken")
"""The far side was asked and knows nothing of the attempt: nothing was sent."""


async def is_held(tx: Transaction, held: RowMapping) -> bool:
    """Let a held delivery go; False when the lease was lost, so that nothing may be written."""
    if await deliveries.release(tx, held):
        return True
    log.warning("stale_result_dropped", delivery_id=str(held["id"]), channel=held["channel"])
    return False


async def is_held_still(tx: Transaction, held: RowMapping, *, until: datetime) -> bool:
    """Hold a delivery on; False when the lease was lost, so that nothing may leave."""
    if await deliveries.write_held(tx, held, leased_until=until):
        return True
    log.warning("stale_attempt_dropped", delivery_id=str(held["id"]), channel=held["channel"])
    return False


async def taken(tx: Transaction, held: RowMapping, gateway_id: str, *, ask_at: datetime) -> None:
    """Record that the gateway took it under this id; it is asked again at `ask_at`."""
    if await is_held(tx, held):
        await attempts.note(tx, held["attempt_id"], gateway_id=gateway_id)
        values = {"gateway_id": gateway_id, "next_attempt_at": ask_at, "polls": 0}
        await deliveries.move(tx, held["id"], DeliveryState.SUBMITTED, **values)


async def unanswered(
    tx: Transaction, held: RowMapping, code: str | None, *, look_at: datetime
) -> None:
    """Record that nobody knows whether it went out: it is looked up at `look_at`, before any re-send."""
    values = {"next_attempt_at": look_at, "reason": "unknown", "code": code, "polls": 0}
    if await is_held(tx, held):
        await deliveries.move(tx, held["id"], DeliveryState.UNKNOWN, **values)


async def failed(
    tx: Transaction,
    held: RowMapping,
    failure: Failure,
    *,
    again_at: datetime | None,
    means: Means,
    now: datetime,
) -> None:
    """Record that the attempt failed: the next is due `again_at`, or the channel gives up (None)."""
    if await is_held(tx, held):
        await try_again(tx, held, failure, at=again_at, means=means, now=now)


async def arrived(
    tx: Transaction, held: RowMapping, *, now: datetime, at: datetime | None = None
) -> None:
    """Record that the far side has it, since `at` as it says, or as of now."""
    if await is_held(tx, held):
        await confirm(tx, held["id"], at=at or now, now=now)


async def ask_again(tx: Transaction, held: RowMapping, *, at: datetime) -> None:
    """Put the same question again at `at`: nothing is new, or the gateway cannot be asked."""
    polls = held["polls"] + 1
    await deliveries.write_held(tx, held, next_attempt_at=at, polls=polls, **deliveries.UNCLAIMED)


async def fax_reported(
    tx: Transaction,
    held: RowMapping,
    status: FaxStatus,
    *,
    again_at: datetime | None,
    means: Means,
    now: datetime,
) -> None:
    """Take over a final report of the gateway: pages and the far machine's id are the evidence."""
    evidence = {"pages_ok": status.pages_ok, "far_id": status.far_id}
    await attempts.note(tx, held["attempt_id"], gateway_id=status.gateway_id, **evidence)
    if status.state is FaxState.DELIVERED:
        await arrived(tx, held, now=now, at=status.ended_at)
    else:
        failure = Failure(status.failure or "other", status.code)
        await failed(tx, held, failure, again_at=again_at, means=means, now=now)
