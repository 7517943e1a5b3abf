"""Choose the next channel of a notice and begin a delivery by it."""

from collections.abc import Sequence
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
from notifications.store.deliveries import NewDelivery
from notifications.store.notices import Notice
from notifications.store.tasks import TaskKind

log = structlog.get_logger()

FIRST = 1
"""The number of a notice's first series of channels."""


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
        await _begin(tx, [_planned(notice, clinic, channel, series, tracing.current())], now=now)
    return channel


async def begin_first(
    tx: Transaction,
    told: Sequence[tuple[Notice, Clinic]],
    configured: Configured,
    *,
    now: datetime,
) -> None:
    """Begin new notices, each by the first usable channel of its clinic; where there is none a person is asked."""
    planned: list[NewDelivery] = []
    stranded: list[Notice] = []
    for notice, clinic in told:
        channel = next_channel(clinic, configured)
        if channel is None:
            stranded.append(notice)
        else:
            planned.append(_planned(notice, clinic, channel, FIRST, notice["traceparent"]))
    await _begin(tx, planned, now=now)
    await ask_a_person(tx, TaskKind.NO_ELIGIBLE_CHANNEL, stranded, now=now)


def _planned(
    notice: Notice, clinic: Clinic, channel: ChannelName, series: int, traceparent: str | None
) -> NewDelivery:
    state = DeliveryState.QUEUED if may_leave(clinic) else DeliveryState.HELD
    return NewDelivery(notice, channel, state, series, traceparent)


async def _begin(tx: Transaction, planned: Sequence[NewDelivery], *, now: datetime) -> None:
    await deliveries.add_all(tx, planned, now=now)
    held = (one.notice["clinic_id"] for one in planned if one.state is DeliveryState.HELD)
    for clinic_id in sorted(set(held)):
        await ask_for_baa(tx, clinic_id, now=now)


async def ask_for_baa(tx: Transaction, clinic_id: str, *, now: datetime) -> None:
    """Ask a person to get the clinic's BAA signed, once for all that is held."""
    if await tasks.add(tx, TaskKind.NO_BAA, clinic_id, now=now, clinic_id=clinic_id):
        log.warning("deliveries_held", clinic_id=clinic_id, reason="no_baa")


async def ask_a_person(
    tx: Transaction, kind: TaskKind, untold: Sequence[Notice], *, now: datetime
) -> None:
    """Ask a person to tell clinics of notices for which no channel is left."""
    asked = {
        str(notice["id"]): {
            "notice_id": notice["id"],
            "clinic_id": notice["clinic_id"],
            "referral_id": notice["referral_id"],
        }
        for notice in untold
    }
    await tasks.add_all(tx, kind, asked, now=now)


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
