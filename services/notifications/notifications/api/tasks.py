"""Tasks: what a person must do because no machine can."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query

from common.dependencies import Now, Read, Tx
from common.http import PROBLEMS
from common.idempotency import IdempotentRoute
from notifications.api.given import Actor
from notifications.api.schemas import Cursor, Limit, Task, Tasks
from notifications.handlers import finish
from notifications.store import listing, tables
from notifications.store.tasks import TaskKind

router = APIRouter(
    prefix="/v1/tasks",
    tags=["tasks"],
    route_class=IdempotentRoute,
    responses={422: PROBLEMS[422]},
)


@router.get("", summary="List tasks, newest first")
async def list_tasks(
    tx: Read,
    state: Literal["open", "done"] | None = None,
    kind: TaskKind | None = None,
    clinic_id: Annotated[str | None, Query(max_length=100)] = None,
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
    responses={code: PROBLEMS[code] for code in (404, 409)},
)
async def mark_done(task_id: UUID, actor: Actor, tx: Tx, now: Now) -> Task:
    """Finish a task. For `bad_number` and `endpoint_gone` it says that the address works again."""
    return Task.model_validate(await finish.finish(tx, task_id, by=actor, now=now))
