"""Learn what changed at a clinic, and send what waited for exactly that."""

from datetime import datetime

import structlog

from common.database import Transaction
from common.events.clinic import ClinicChanged
from notifications.domain.clinic import Clinic
from notifications.domain.delivery import LIVE, DeliveryState
from notifications.domain.routing import may_leave
from notifications.handlers import route
from notifications.handlers.means import Means
from notifications.handlers.tell import tell
from notifications.store import clinics, deliveries, notices, tasks
from notifications.store.tasks import TaskKind

log = structlog.get_logger()


async def learn(tx: Transaction, event: ClinicChanged, *, means: Means, now: datetime) -> None:
    """Copy a clinic's facts; an older version than the known one changes nothing."""
    if not await clinics.save(tx, event, sealer=means.sealer, now=now):
        return
    await clinics.lift_quarantine(tx, event)
    clinic = await clinics.get(tx, event.clinic_id, sealer=means.sealer)
    if may_leave(clinic):
        await _release(tx, clinic, now=now)
    await _try_stranded(tx, clinic, means=means, now=now)
    for early in await clinics.take_early(tx, clinic.id):
        await tell(tx, early, means=means, now=now)


async def _release(tx: Transaction, clinic: Clinic, *, now: datetime) -> None:
    for row in await deliveries.held_of_clinic(tx, clinic.id):
        await deliveries.move(tx, row["id"], DeliveryState.QUEUED, next_attempt_at=now)
        log.info("delivery_released", delivery_id=str(row["id"]), clinic_id=clinic.id)
    await tasks.close_kind(tx, TaskKind.NO_BAA, clinic.id, now=now)


async def _try_stranded(tx: Transaction, clinic: Clinic, *, means: Means, now: datetime) -> None:
    """Try again, from the clinic's first channel, what a person was asked to tell and has not yet."""
    for notice_id in await tasks.notices_without_a_way(tx, clinic.id):
        notice = await notices.get(tx, notice_id)
        if notices.is_open(notice) and not await deliveries.of_notice(tx, notice_id, LIVE):
            series = await deliveries.last_series(tx, notice_id) + 1
            if await route.begin_next(tx, notice, clinic, means.configured, series=series, now=now):
                await tasks.close_moot(tx, notice_id, now=now)
