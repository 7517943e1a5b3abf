"""The audit: who read patient data, and why."""

from typing import Annotated

from fastapi import APIRouter, Query

from common import audit
from common.audit import AuditEntry
from common.dependencies import Read
from notifications.api.given import GivenDep
from notifications.api.queries import Cursor, Limit
from notifications.api.refusals import refusals
from notifications.api.schemas import AuditEntries
from notifications.store.listing import cursor_of, read_cursor

router = APIRouter(prefix="/v1/audit", tags=["audit"], responses=refusals())

Text = Annotated[str | None, Query(max_length=400, pattern=r"^[^\x00]*$")]


@router.get("", summary="Read who looked at the words of notices, newest first")
async def list_entries(
    tx: Read,
    given: GivenDep,
    subject: Text = None,
    actor: Text = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> AuditEntries:
    """Filter by subject (`notice:` and its id) and actor; `next` leads to the page after."""
    before = read_cursor(cursor) if cursor else None
    rows = await audit.page(
        tx,
        subject=subject,
        actor=actor,
        before=before,
        limit=limit + 1,
        sealer=given.means.sealer,
    )
    items = [AuditEntry.model_validate(row) for row in rows[:limit]]
    return AuditEntries(items=items, next=cursor_of(items[-1].id) if len(rows) > limit else None)
