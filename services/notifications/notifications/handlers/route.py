"""Choose the next channel of a notice and begin a delivery by it."""

from datetime import datetime

import structlog
from sqlalchemy import RowMapping

from common import tracing
from common.database import Transaction
from common.events.notification import ChannelName
from notifications.domain.clinic import Clinic
from notifications.domain.delivery import LIVE, DeliveryState
from notifications.domain.routing import Configured, may_leave, next_channel
from notifications.handlers.means import Means
from notifications.store import clinics, deliveries, notices, tasks
from notifications.store.tasks import TaskKind

log = structlog.get_logger()


async def begin_next(
    tx: Transaction,
    notice: RowMapping,
    clinic: Clinic,
    configured: Configured,
    *,
    series: int,
    now: datetime,
) -> ChannelName | None:
    """Begin a delivery by the first usable channel that the series has not tried; None: none left.

    Without a BAA nothing may leave: the delivery is held, a person is asked, the clocks run on.
    """
    used = await deliveries.channels_used(tx, notice["id"], series)
    channel = next_channel(clinic, configured, used=used)
    if channel is not None:
        state = DeliveryState.QUEUED if may_leave(clinic) else DeliveryState.HELD
        await deliveries.add(tx, notice, channel, state=state, series=series, now=now)
        if state is DeliveryState.HELD:
            await ask_for_baa(tx, clinic.id, now=now)
    return channel


async def ask_for_baa(tx: Transaction, clinic_id: str, *, now: datetime) -> None:
    """Ask a person to get the clinic's BAA signed, once for all that is held."""
    if await tasks.add(tx, TaskKind.NO_BAA, clinic_id, now=now, clinic_id=clinic_id):
        log.warning("deliveries_held", clinic_id=clinic_id, reason="no_baa")


async def ask_a_person(
    tx: Transaction, kind: TaskKind, notice: RowMapping, *, now: datetime
) -> None:
    """Ask a person to tell the clinic, because no channel is left."""
    about = {"clinic_id": notice["clinic_id"], "referral_id": notice["referral_id"]}
    key = str(notice["id"])
    await tasks.add(tx, kind, key, now=now, notice_id=notice["id"], **about)


async def begin_stranded(
    tx: Transaction, clinic_id: str | None, *, means: Means, now: datetime
) -> None:
    """Try again, from the clinic's first channel, what a person was asked to tell and has not yet.

    What stood in the way has gone: at one clinic, or at all of them (None).
    """
    for notice_id in await tasks.notices_without_a_way(tx, clinic_id):
        notice = await notices.lock(tx, notice_id)
        if notices.is_open(notice) and not await deliveries.of_notice(tx, notice_id, LIVE):
            clinic = await clinics.get(tx, notice["clinic_id"], sealer=means.sealer, hold=True)
            series = await deliveries.last_series(tx, notice_id) + 1
            with tracing.span("take up stranded notice", parent=notice["traceparent"]):
                begun = await begin_next(
                    tx, notice, clinic, means.configured, series=series, now=now
                )
            if begun:
                await tasks.close_moot(tx, notice_id, now=now)
