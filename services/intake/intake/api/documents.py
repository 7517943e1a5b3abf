"""Documents of a referral: up as multipart or as the bare bytes, down byte for byte."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import AwareDatetime
from starlette.datastructures import UploadFile

from common.dependencies import Now, Read, Tx
from common.errors import FieldError, Invalid
from common.idempotency import IdempotentRoute
from intake.api.given import REPEATABLE, Base, DeskDep
from intake.api.refusals import ADDING, READING
from intake.api.shapes import Out
from intake.domain.papers import MEDIA_TYPES
from intake.handlers import file
from intake.handlers.file import Upload
from intake.store import documents, referrals
from intake.store.documents import Document

router = APIRouter(
    prefix="/v1/referrals/{referral_id}/documents",
    tags=["documents"],
    route_class=IdempotentRoute,
)

LONGEST_NAME = 255

BINARY = {"schema": {"type": "string", "format": "binary"}}
FORM = {
    "schema": {
        "type": "object",
        "properties": {"file": {"type": "string", "format": "binary"}},
        "required": ["file"],
    }
}
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"multipart/form-data": FORM} | {kind: BINARY for kind in sorted(MEDIA_TYPES)},
    }
}


async def upload_of(request: Request) -> Upload:
    """Read the whole document. It stands before `Tx`: a slow sender keeps no transaction waiting."""
    declared = _media_type(request.headers.get("content-type"))
    if declared != "multipart/form-data":
        return Upload(await request.body(), declared)
    async with request.form(max_files=1, max_fields=10) as form:
        part = form.get("file")
        if not isinstance(part, UploadFile):
            fault = FieldError("/file", "a file is needed in this field")
            raise Invalid("the form holds no document", errors=[fault])
        name = (part.filename or "")[:LONGEST_NAME] or None
        return Upload(await part.read(), _media_type(part.content_type), name)


def _media_type(declared: str | None) -> str:
    return (declared or "").partition(";")[0].strip().lower().replace("image/jpg", "image/jpeg")


UploadDep = Annotated[Upload, Depends(upload_of)]


class DocumentOut(Out):
    """What is known of a document; `href` is where its bytes are."""

    id: UUID
    media_type: str
    size: int
    sha256: str
    name: str | None
    actor: str
    created_at: AwareDatetime
    href: str


@router.post(
    "",
    status_code=201,
    summary="Add a document",
    openapi_extra=BODY,
    dependencies=REPEATABLE,
    responses=ADDING,
)
async def post(
    referral_id: UUID,
    upload: UploadDep,
    tx: Tx,
    now: Now,
    desk: DeskDep,
    base: Base,
    response: Response,
) -> DocumentOut:
    """Add a PDF, RTF, text, TIFF, PNG or JPEG of up to 25 MiB: as multipart field `file`, or as the body itself.

    The first bytes must be of the declared type. The same bytes again are the same document.
    """
    await referrals.get(tx, desk.sealer, referral_id, for_update=True)
    document = await file.store(tx, desk, referral_id, upload, now=now)
    view = _view(document, base)
    response.headers["Location"] = view.href
    return view


@router.get("", summary="List documents", responses=READING)
async def get_list(referral_id: UUID, tx: Read, desk: DeskDep, base: Base) -> list[DocumentOut]:
    """Return what is known of a referral's documents, the oldest first."""
    await referrals.get(tx, desk.sealer, referral_id)
    return [_view(one, base) for one in await documents.of(tx, desk.sealer, referral_id)]


@router.get(
    "/{document_id}",
    summary="Read a document",
    response_class=Response,
    responses=READING | {200: {"content": {kind: BINARY for kind in sorted(MEDIA_TYPES)}}},
)
async def get(referral_id: UUID, document_id: UUID, tx: Read, desk: DeskDep) -> Response:
    """Return a document byte for byte."""
    document, content = await documents.read(tx, desk.sealer, referral_id, document_id)
    headers = {
        "ETag": f'"{document.sha256}"',
        "Content-Disposition": f'attachment; filename="{document.id}"',
    }
    return Response(content, media_type=document.media_type, headers=headers)


def _view(document: Document, base: str) -> DocumentOut:
    href = f"{base}/v1/referrals/{document.referral_id}/documents/{document.id}"
    return DocumentOut(
        id=document.id,
        media_type=document.media_type,
        size=document.size,
        sha256=document.sha256,
        name=document.name,
        actor=document.actor,
        created_at=document.created_at,
        href=href,
    )
