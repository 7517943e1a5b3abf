"""What waits for a person: submissions of unknown clinics, unreadable messages, likely duplicates."""

from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, Field

from common.dependencies import Now, Read, Tx
from common.events.submission import Submission
from common.idempotency import IdempotentRoute
from intake.api.bodies import Text
from intake.api.given import REPEATABLE, Base, DeskDep
from intake.api.refusals import ADDING, LISTING
from intake.api.shapes import Out
from intake.api.strict import STRICT, Strict
from intake.handlers.resolve import Decision, resolve
from intake.store import reviews

router = APIRouter(prefix="/v1/reviews", tags=["reviews"], route_class=IdempotentRoute)

IS_OPEN = {"open": True, "resolved": False, "all": None}


class ReviewOut(Out):
    """Something that a person must decide; `submission` is what could not be placed."""

    id: UUID
    reason: str
    door: str
    opened_at: AwareDatetime
    clinic_id: str | None
    referral_id: UUID | None
    sender: str | None
    message_id: UUID | None
    message_type: str | None
    external_id: str | None
    submission: Submission | None
    resolved_at: AwareDatetime | None
    resolved_by: str | None
    resolution: str | None
    note: str | None


class ReviewPage(Out):
    """A page of reviews; `next` is where the following page is, or null."""

    items: list[ReviewOut]
    next: str | None


class ResolutionIn(Strict):
    """What was decided."""

    model_config = STRICT | {"json_schema_extra": {"examples": [{"clinic_id": "lakeside"}]}}

    clinic_id: str | None = Field(
        default=None, description="Whose the kept submission is: it becomes a referral"
    )
    referral_id: UUID | None = Field(
        default=None, description="To which referral kept results or documents belong"
    )
    dismiss: bool = Field(default=False, description="Nothing is made of it")
    note: Text | None = None


@router.get("", summary="List reviews", responses=LISTING)
async def get_page(
    tx: Read,
    desk: DeskDep,
    base: Base,
    state: Literal["open", "resolved", "all"] = "open",
    cursor: Annotated[UUID | None, Query(description="From `next`; opaque")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ReviewPage:
    """List what waits for a person, the oldest first."""
    found = await reviews.page(
        tx, desk.sealer, is_open=IS_OPEN[state], after=cursor, limit=limit + 1
    )
    items = [ReviewOut.model_validate(review) for review in found[:limit]]
    if len(found) <= limit:
        return ReviewPage(items=items, next=None)
    query = urlencode({"state": state, "cursor": items[-1].id, "limit": limit})
    return ReviewPage(items=items, next=f"{base}/v1/reviews?{query}")


@router.post(
    "/{review_id}/resolve",
    summary="Resolve a review",
    dependencies=REPEATABLE,
    responses=ADDING,
)
async def post_resolve(
    review_id: UUID, body: ResolutionIn, tx: Tx, now: Now, desk: DeskDep
) -> ReviewOut:
    """Decide. A submission wants its clinic, results and documents their referral; or dismiss it."""
    decision = Decision(body.clinic_id, body.referral_id, body.dismiss, body.note)
    review = await resolve(tx, desk, review_id, decision, now=now)
    return ReviewOut.model_validate(review)
