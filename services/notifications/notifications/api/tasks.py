"""Tasks: what a person must do because no machine can."""

from typing import Literal
from uuid import UUID

from fastapi import APIRouter

from common.dependencies import Now, Read, Tx
from common.idempotency import IdempotentRoute
from notifications.api.given import Actor, GivenDep
from notifications.api.queries import ClinicId, Cursor, Limit
from notifications.api.refusals import CHANGING, refusals
from notifications.api.schemas import Done, Task, Tasks
from notifications.handlers import finish
from notifications.store import listing, tables, tasks
from notifications.store.tasks import TaskKind

router = APIRouter(
    prefix="/v1/tasks",
    tags=["tasks"],
    route_class=IdempotentRoute,
    responses=refusals(),
)


@router.get("", summary="List tasks, newest first")
async def list_tasks(
    tx: Read,
    state: Literal["open", "done"] | None = None,
    kind: TaskKind | None = None,
    clinic_id: ClinicId | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Tasks:
    """Filter by state, kind and clinic; `next` leads to the page after."""
    where = {"state": state, "kind": kind, "clinic_id": clinic_id}
    found = await listing.page(tx, tables.tasks, where, cursor=cursor, limit=limit)
    return Tasks(items=[Task.model_validate(row) for row in found.rows], next=found.next)


@router.post(
    "/{task_id}/done",
    summary="Mark a task as done",
    responses=refusals(*CHANGING),
)
async def mark_done(
    task_id: UUID, actor: Actor, tx: Tx, given: GivenDep, now: Now, body: Done | None = None
) -> Task:
    """Finish a task.

    For `bad_number`, `endpoint_gone` and `fax_account` it says that the way is free again: what
    could not be told for want of it begins anew. The first two close by themselves when the
    clinic's address changes or is verified on a later day.
    """
    done = tasks.Done(by=actor, reason=body.reason if body else None)
    row = await finish.finish(tx, task_id, done, means=given.means, now=now)
    return Task.model_validate(row)
