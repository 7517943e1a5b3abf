"""Learn what changed at a clinic, and send what waited for exactly that."""

from datetime import datetime

import structlog

from common import tracing
from common.database import Transaction
from common.events.clinic import ClinicChanged
from notifications.domain.clinic import Clinic
from notifications.domain.delivery import DeliveryState
from notifications.domain.routing import may_leave
from notifications.handlers import route, switched_off
from notifications.handlers.means import Means
from notifications.handlers.tell import tell
from notifications.store import clinics, deliveries, early, tasks
from notifications.store.tasks import TaskKind

log = structlog.get_logger()


async def learn(tx: Transaction, event: ClinicChanged, *, means: Means, now: datetime) -> None:
    """Copy a clinic's facts; an older version than the known one changes nothing."""
    if not await clinics.save(tx, event, sealer=means.sealer, now=now):
        return
    await clinics.lift_quarantine(tx, event)
    clinic = await clinics.get(tx, event.clinic_id, sealer=means.sealer)
    await switched_off.ask(tx, clinic, now=now)
    if may_leave(clinic):
        await _release(tx, clinic, now=now)
    await route.begin_stranded(tx, clinic.id, means=means, now=now)
    await tell_early(tx, clinic.id, means=means, now=now)


async def tell_early(tx: Transaction, clinic_id: str, *, means: Means, now: datetime) -> None:
    """Tell what waited for the clinic to be known."""
    await tasks.close_kind(tx, TaskKind.UNKNOWN_CLINIC, clinic_id, now=now)
    for event, trace in await early.take(tx, clinic_id):
        with tracing.span("tell early event", parent=trace):
            await tell(tx, event, means=means, now=now)


async def _release(tx: Transaction, clinic: Clinic, *, now: datetime) -> None:
    for row in await deliveries.held_of_clinic(tx, clinic.id):
        await deliveries.move(tx, row["id"], DeliveryState.QUEUED, next_attempt_at=now)
        log.info("delivery_released", delivery_id=str(row["id"]), clinic_id=clinic.id)
    await tasks.close_kind(tx, TaskKind.NO_BAA, clinic.id, now=now)
