"""Notices: what clinics are told. Only `/content` and `/page.pdf` hold patient data; each look is noted."""

import asyncio
from uuid import UUID

from fastapi import APIRouter, Response

from common.dependencies import Now, Read, RuntimeDep, Tx
from common.errors import Conflict
from common.http import PROBLEMS
from notifications.api.given import GivenDep, LookerDep
from notifications.api.refusals import refusals
from notifications.api.schemas import Content, Notice
from notifications.channels.fax.page import Unprintable
from notifications.channels.letterhead import page_of
from notifications.handlers import look
from notifications.store import notices

router = APIRouter(
    prefix="/v1/notices",
    tags=["notices"],
    responses=refusals(404),
)


@router.get("/{notice_id}", summary="Read what is known of a notice, without its words")
async def read_notice(notice_id: UUID, tx: Read) -> Notice:
    """Tell ids, codes and times."""
    return Notice.model_validate(await notices.get(tx, notice_id))


@router.get(
    "/{notice_id}/content", summary="Read the words of a notice (patient data; the look is noted)"
)
async def read_content(
    notice_id: UUID, tx: Tx, given: GivenDep, who: LookerDep, now: Now
) -> Content:
    """Open the sealed words. Who read them, and why, is in the audit."""
    letter = await look.at_words(tx, notice_id, who, sealer=given.means.sealer, now=now)
    notice = letter.notice
    said = {name: getattr(notice, name) for name in Content.model_fields if hasattr(notice, name)}
    patient = notice.patient.model_dump() if notice.patient else None
    return Content.model_validate(
        said | {"patient": patient, "appointment_place": letter.appointment_place}
    )


@router.get(
    "/{notice_id}/page.pdf",
    summary="See a notice as the page that is faxed (patient data; the look is noted)",
    response_class=Response,
    responses={
        200: {"content": {"application/pdf": {}}, "description": "The page"},
        409: PROBLEMS[409],
    },
)
async def see_page(
    notice_id: UUID, runtime: RuntimeDep, given: GivenDep, who: LookerDep, now: Now
) -> Response:
    """Lay the notice out as it would be faxed now; 409 when it cannot be. The audit keeps who saw it.

    The transaction ends before the page is laid out: that takes long, and others want to write.
    """
    async with runtime.db.begin() as tx:
        parcel = await look.at_page(tx, notice_id, who, means=given.means, now=now)
    try:
        page = await asyncio.to_thread(page_of, parcel, given.letterhead, now=now)
    except Unprintable as error:
        raise Conflict(f"this notice cannot be laid out as a page ({error.code})") from error
    return Response(page.pdf, media_type="application/pdf")
