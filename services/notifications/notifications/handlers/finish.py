"""Mark a person's task as done, and do what its being done allows."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping

from common.database import Transaction
from notifications.store import clinics, deliveries, tasks
from notifications.store.tasks import TaskKind


async def finish(tx: Transaction, task_id: UUID, *, by: str, now: datetime) -> RowMapping:
    """Finish a task: a wrong number that was put right, or an endpoint that is back, is used again."""
    row = await tasks.finish(tx, task_id, by=by, now=now)
    if row["kind"] == TaskKind.BAD_NUMBER:
        delivery = await deliveries.get(tx, row["delivery_id"])
        await clinics.free_number(tx, row["clinic_id"], delivery["destination"])
    if row["kind"] == TaskKind.ENDPOINT_GONE:
        await clinics.enable_endpoint(tx, row["clinic_id"])
    return row
