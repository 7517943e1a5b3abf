"""Send a notice once more because a person asks for it."""

from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import RowMapping

from common import tracing
from common.database import Transaction
from common.errors import Conflict
from notifications.domain.delivery import LIVE, DeliveryState
from notifications.domain.routing import destination, may_leave
from notifications.handlers.means import Means
from notifications.store import clinics, deliveries, notices
from notifications.store.deliveries import NewDelivery, Request

log = structlog.get_logger()


async def resend(
    tx: Transaction,
    delivery_id: UUID,
    *,
    request: Request,
    confirm_again: bool,
    means: Means,
    now: datetime,
) -> RowMapping:
    """Begin a new series of the same notice by the same channel; return the new delivery.

    Refused (Conflict) while a delivery of the notice is under way, when the notice was superseded,
    when the channel cannot be used, and, unless `confirm_again`, when the clinic has it already:
    sending patient data once more must be meant.
    """
    row = await deliveries.get(tx, delivery_id)
    notice = await notices.lock(tx, row["notice_id"])
    tracing.link(notice["traceparent"])
    await _refuse_if_pointless(tx, notice, confirm_again=confirm_again)
    await _refuse_if_impossible(tx, row, means=means)
    series = await deliveries.last_series(tx, notice["id"]) + 1
    queued, channel = DeliveryState.QUEUED, row["channel"]
    new = NewDelivery(notice, channel, queued, series, tracing.current())
    await deliveries.add_all(tx, [new], now=now)
    await deliveries.note_request(tx, new.id, request, sealer=means.sealer)
    log.info("resend_requested", delivery_id=str(new.id), channel=channel, actor=request.by)
    return await deliveries.get(tx, new.id)


async def _refuse_if_pointless(tx: Transaction, notice: RowMapping, *, confirm_again: bool) -> None:
    if notice["superseded_by"] is not None:
        raise Conflict("a newer notice says what this one would have said")
    if notice["confirmed_at"] is not None and not confirm_again:
        raise Conflict("the clinic has this notice; say confirm_again to send it once more")
    if await deliveries.of_notice(tx, notice["id"], LIVE):
        raise Conflict("a delivery of this notice is under way")


async def _refuse_if_impossible(tx: Transaction, row: RowMapping, *, means: Means) -> None:
    clinic = await clinics.get(tx, row["clinic_id"], sealer=means.sealer)
    if not may_leave(clinic):
        raise Conflict("the clinic has signed no BAA")
    if row["channel"] not in means.configured or destination(clinic, row["channel"]) is None:
        raise Conflict(f"the clinic cannot be reached by {row['channel']} now")
