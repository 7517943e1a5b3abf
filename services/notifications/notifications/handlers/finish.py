"""Mark a person's task as done, and do what its being done allows."""

from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import RowMapping

from common.database import Transaction
from notifications.handlers import route
from notifications.handlers.means import Means
from notifications.store import clinics, deliveries, tasks
from notifications.store.tasks import Done, TaskKind

log = structlog.get_logger()


async def finish(
    tx: Transaction, task_id: UUID, done: Done, *, means: Means, now: datetime
) -> RowMapping:
    """Finish a task: what was put right is used again, also for what it had kept from being told.

    The clinic is held before its task: a change of the clinic that came between the two would ask
    anew about what is being put right, or wait for us while we wait for it.
    """
    clinic_id = await tasks.clinic_of(tx, task_id)
    if clinic_id is not None:
        await clinics.find(tx, clinic_id, sealer=means.sealer, hold=True)
    row = await tasks.finish(tx, task_id, done, sealer=means.sealer, now=now)
    log.info("task_done", task_id=str(task_id), kind=row["kind"], actor=done.by)
    if row["kind"] == TaskKind.BAD_NUMBER:
        delivery = await deliveries.get(tx, row["delivery_id"])
        await clinics.free_number(tx, row["clinic_id"], delivery["destination"])
    if row["kind"] == TaskKind.ENDPOINT_GONE:
        await clinics.enable_endpoint(tx, row["clinic_id"])
    if row["kind"] in (TaskKind.BAD_NUMBER, TaskKind.ENDPOINT_GONE):
        await route.begin_stranded(tx, row["clinic_id"], means=means, now=now)
    if row["kind"] == TaskKind.FAX_ACCOUNT:
        await route.begin_stranded(tx, None, means=means, now=now)
    return row
