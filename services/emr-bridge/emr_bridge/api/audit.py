"""Who looked at what, or changed it by hand, and why."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from common import audit
from common.audit import AuditEntry
from common.dependencies import Read, RuntimeDep
from common.http import PROBLEMS

router = APIRouter(prefix="/v1/audit", tags=["audit"], responses={422: PROBLEMS[422]})

Text = Annotated[str | None, Query(max_length=400, pattern=r"^[^\x00]*$")]


class Entries(BaseModel):
    """A page of entries, newest first."""

    items: list[AuditEntry]
    next: UUID | None = Field(description="Pass as `cursor` for the next page")


@router.get("", summary="Read who looked at messages, or changed them by hand")
async def list_entries(
    tx: Read,
    runtime: RuntimeDep,
    *,
    subject: Text = None,
    actor: Text = None,
    cursor: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Entries:
    """List the newest first."""
    rows = await audit.page(
        tx, subject=subject, actor=actor, before=cursor, limit=limit + 1, sealer=runtime.sealer
    )
    items = [AuditEntry.model_validate(row) for row in rows[:limit]]
    return Entries(items=items, next=items[-1].id if len(rows) > limit else None)
