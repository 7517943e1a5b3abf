"""Who looked at what, or changed it by hand, and why."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, Field

from common.dependencies import Read, RuntimeDep
from common.http import PROBLEMS
from emr_bridge.api.schemas import Answer
from emr_bridge.store import audit

router = APIRouter(prefix="/v1/audit", tags=["audit"], responses={422: PROBLEMS[422]})

Text = Annotated[str | None, Query(max_length=400, pattern=r"^[^\x00]*$")]


class EntryOut(Answer):
    """One thing that somebody did."""

    id: UUID
    at: AwareDatetime
    actor: str
    action: str = Field(examples=["message_revealed"])
    subject: str = Field(examples=["message:01955555-0000-7000-8000-000000000001"])
    client: str | None = Field(description="The address that the request came from")
    reason: str | None
    detail: dict[str, Any]


class Entries(BaseModel):
    """A page of entries, newest first."""

    items: list[EntryOut]
    next_cursor: UUID | None = Field(description="Pass as `cursor` for the next page")


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
    items = [EntryOut.model_validate(row) for row in rows[:limit]]
    return Entries(items=items, next_cursor=items[-1].id if len(rows) > limit else None)
