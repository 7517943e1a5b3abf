"""Promises: what clinics are owed, and whether it was kept."""

from uuid import UUID

from fastapi import APIRouter

from common.dependencies import Read
from notifications.api.queries import ClinicId, Cursor, Limit
from notifications.api.refusals import refusals
from notifications.api.schemas import Promise, Promises
from notifications.domain.promise import PromiseState
from notifications.store import listing, tables

router = APIRouter(prefix="/v1/promises", tags=["promises"], responses=refusals())


@router.get("", summary="List promises, newest first")
async def list_promises(
    tx: Read,
    state: PromiseState | None = None,
    clinic_id: ClinicId | None = None,
    referral_id: UUID | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Promises:
    """Filter by state, clinic and referral; `next` leads to the page after."""
    where = {"state": state, "clinic_id": clinic_id, "referral_id": referral_id}
    found = await listing.page(tx, tables.promises, where, cursor=cursor, limit=limit)
    return Promises(items=[Promise.model_validate(row) for row in found.rows], next=found.next)
