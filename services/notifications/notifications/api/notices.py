"""Notices: what clinics are told. Only `/content` and `/page.pdf` hold patient data."""

import asyncio
from uuid import UUID

import structlog
from fastapi import APIRouter, Response
from sqlalchemy import RowMapping

from common.database import Transaction
from common.dependencies import Now, Read
from common.errors import Conflict
from common.http import PROBLEMS
from notifications.api.given import GivenDep, Reader
from notifications.api.refusals import refusals
from notifications.api.schemas import Content, Notice
from notifications.channels.fax.page import Unprintable
from notifications.channels.letterhead import page_of
from notifications.domain.parcel import Parcel
from notifications.handlers.means import Means
from notifications.handlers.send import parcel_of
from notifications.store import clinics, notices

log = structlog.get_logger()

router = APIRouter(
    prefix="/v1/notices",
    tags=["notices"],
    responses=refusals(404),
)


@router.get("/{notice_id}", summary="Read what is known of a notice, without its words")
async def read_notice(notice_id: UUID, tx: Read) -> Notice:
    """Tell ids, codes and times."""
    return Notice.model_validate(await notices.get(tx, notice_id))


@router.get("/{notice_id}/content", summary="Read the words of a notice (patient data)")
async def read_content(notice_id: UUID, tx: Read, given: GivenDep, actor: Reader = None) -> Content:
    """Open the sealed words. Who read them is logged."""
    letter = notices.letter_of(await notices.get(tx, notice_id), sealer=given.means.sealer)
    log.info("notice_read", notice_id=str(notice_id), actor=actor, kind="content")
    notice = letter.notice
    said = {name: getattr(notice, name) for name in Content.model_fields if hasattr(notice, name)}
    patient = notice.patient.model_dump() if notice.patient else None
    return Content.model_validate(
        said | {"patient": patient, "appointment_place": letter.appointment_place}
    )


@router.get(
    "/{notice_id}/page.pdf",
    summary="See a notice as the page that is faxed (patient data)",
    response_class=Response,
    responses={
        200: {"content": {"application/pdf": {}}, "description": "The page"},
        409: PROBLEMS[409],
    },
)
async def see_page(
    notice_id: UUID, tx: Read, given: GivenDep, now: Now, actor: Reader = None
) -> Response:
    """Lay the notice out as it would be faxed now; 409 when it cannot be. Who saw it is logged."""
    row = await notices.get(tx, notice_id)
    log.info("notice_read", notice_id=str(notice_id), actor=actor, kind="page")
    parcel = await _preview(tx, row, means=given.means)
    try:
        page = await asyncio.to_thread(page_of, parcel, given.letterhead, now=now)
    except Unprintable as error:
        raise Conflict(f"this notice cannot be laid out as a page ({error.code})") from error
    return Response(page.pdf, media_type="application/pdf")


async def _preview(tx: Transaction, row: RowMapping, *, means: Means) -> Parcel:
    clinic = await clinics.get(tx, row["clinic_id"], sealer=means.sealer)
    none = row["id"]
    shown = {"attempt_id": none, "id": none, "destination": clinic.fax_number or ""}
    return parcel_of(shown, row, clinic, sealer=means.sealer)
