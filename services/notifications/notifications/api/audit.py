"""The audit: who read patient data, and why."""

from typing import Annotated

from fastapi import APIRouter, Query

from common.dependencies import Read
from notifications.api.given import GivenDep
from notifications.api.queries import Cursor, Limit
from notifications.api.refusals import refusals
from notifications.api.schemas import AuditEntries, AuditEntry
from notifications.store import audit

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
    where = {"subject": subject, "actor": actor}
    found = await audit.page(tx, where, cursor=cursor, limit=limit)
    rows = audit.opened(found.rows, sealer=given.means.sealer)
    return AuditEntries(items=[AuditEntry.model_validate(row) for row in rows], next=found.next)
