"""Referrals: reading, listing, the timeline."""

from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from common.dependencies import Read
from common.moment import Moment
from intake.api import views, wording
from intake.api.given import Base, DeskDep, etag
from intake.api.refusals import LISTING, READING
from intake.api.shapes import EntryOut, Page, ReferralLine, ReferralOut
from intake.api.strict import NO_NUL
from intake.domain.referral import Status
from intake.store import listing, timeline
from intake.store import referrals as kept_referrals
from intake.store.listing import Cursor, Filter

router = APIRouter(prefix="/v1/referrals", tags=["referrals"])


class Asked(BaseModel):
    """How the list is narrowed, and which page of it is meant."""

    clinic_id: str | None = Field(default=None, pattern=NO_NUL)
    status: Status | None = None
    waiting_on: Literal["pharmacy", "payer", "prescriber", "patient", "nobody"] | None = None
    updated_after: Moment | None = None
    external_id: str | None = Field(
        default=None, pattern=NO_NUL, description="A number in `external_ids`"
    )
    cursor: str | None = Field(default=None, description="From `next`; opaque")
    limit: int = Field(default=50, ge=1, le=200)

    def filter(self) -> Filter:
        """Return what narrows the list."""
        return Filter(
            clinic_id=self.clinic_id,
            status=self.status,
            waiting_on=self.waiting_on,
            updated_after=self.updated_after,
            external_id=self.external_id,
        )


@router.get("", summary="List referrals", responses=LISTING)
async def get_page(
    tx: Read,
    base: Base,
    asked: Annotated[Asked, Query()],
) -> Page:
    """List referrals by their last change, the oldest first; follow `next` until it is null.

    One that changes while you read comes again on a later page; none is left out.
    """
    after = Cursor.read(asked.cursor) if asked.cursor else None
    rows = await listing.page(tx, asked.filter(), after=after, limit=asked.limit + 1)
    items = [ReferralLine(**row, links=views.links(base, row["id"])) for row in rows[: asked.limit]]
    return Page(items=items, next=_next(base, asked, items) if len(rows) > asked.limit else None)


def _next(base: str, asked: Asked, items: list[ReferralLine]) -> str:
    last = Cursor(items[-1].updated_at, items[-1].id)
    query = asked.model_dump(mode="json", exclude_none=True) | {"cursor": last.text()}
    return f"{base}/v1/referrals?{urlencode(query)}"


@router.get("/{referral_id}", summary="Read a referral", responses=READING)
async def get(
    referral_id: UUID, tx: Read, desk: DeskDep, base: Base, response: Response
) -> ReferralOut:
    """Return everything about a referral; the ETag is its version."""
    view = await views.referral(tx, desk, referral_id, base)
    response.headers["ETag"] = etag(view.version)
    return view


@router.get("/{referral_id}/timeline", summary="Read what happened", responses=READING)
async def get_timeline(referral_id: UUID, tx: Read, desk: DeskDep) -> list[EntryOut]:
    """Return everything that happened to a referral, the oldest first: who, what, when."""
    await kept_referrals.get(tx, desk.sealer, referral_id)
    entries = await timeline.of(tx, desk.sealer, referral_id)
    return [
        EntryOut(
            occurred_at=entry.occurred_at,
            recorded_at=entry.recorded_at,
            actor=entry.actor,
            what=entry.what,
            text=wording.text(entry),
            from_status=entry.from_status,
            to_status=entry.to_status,
            reason=entry.reason,
            source_message_id=entry.source_message_id,
            facts=entry.facts,
            note=entry.note,
        )
        for entry in entries
    ]
