"""Keeping documents of a referral: looked at by their first bytes, bounded, kept byte for byte."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from common.database import Transaction
from common.errors import FieldError, Invalid
from common.ids import new_id
from intake.domain.papers import LARGEST_BYTES, MEDIA_TYPES, media_type_of
from intake.handlers import record
from intake.handlers.desk import Desk
from intake.store import documents
from intake.store.documents import Document


@dataclass(frozen=True, slots=True)
class Upload:
    """A document as it comes in; `pointer` is the field that held it."""

    content: bytes
    media_type: str
    name: str | None = None
    pointer: str = "/file"


async def store(
    tx: Transaction, desk: Desk, referral_id: UUID, upload: Upload, *, now: datetime
) -> Document:
    """Keep a document; the same bytes again are the same document."""
    _look_at(upload)
    sha256 = hashlib.sha256(upload.content).hexdigest()
    if same := await documents.find_same(tx, desk.sealer, referral_id, sha256):
        return same
    document = Document(
        id=new_id(),
        referral_id=referral_id,
        media_type=upload.media_type,
        size=len(upload.content),
        sha256=sha256,
        actor=desk.actor,
        created_at=now,
        name=upload.name,
    )
    if not await documents.add(tx, desk.sealer, document, upload.content):
        return await documents.get_same(tx, desk.sealer, referral_id, sha256)
    facts = {"document_id": str(document.id), "media_type": document.media_type}
    await record.note(tx, desk, referral_id, "document.added", facts=facts, now=now)
    return document


def _look_at(upload: Upload) -> None:
    why = _doubt(upload)
    if why is not None:
        raise Invalid("the document cannot be taken", errors=[FieldError(upload.pointer, why)])


def _doubt(upload: Upload) -> str | None:
    if len(upload.content) > LARGEST_BYTES:
        return f"a document may have {LARGEST_BYTES} bytes at most"
    if upload.media_type not in MEDIA_TYPES:
        return f"documents are taken as {', '.join(sorted(MEDIA_TYPES))}"
    if media_type_of(upload.content) != upload.media_type:
        return "the content is not of the type that was declared"
    return None
