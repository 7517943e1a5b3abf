"""Documents that come with messages: kept in pieces, put together when their referral is known."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from common.database import Transaction
from common.errors import SetAside
from common.events.emr import DocumentPart, Paper
from common.events.submission import PaperPart
from intake.handlers import file, heard
from intake.handlers.desk import Desk
from intake.handlers.file import Upload
from intake.store import paper_parts


async def keep_part(tx: Transaction, desk: Desk, event: DocumentPart, now: datetime) -> None:
    """Keep a piece until the event comes that says whose document it is."""
    del now  # the piece is as old as its event
    await paper_parts.add(tx, desk.sealer, event, heard.opened(desk, event, PaperPart))


async def attach(
    tx: Transaction,
    desk: Desk,
    referral_id: UUID,
    message_id: UUID,
    papers: Sequence[Paper],
    *,
    now: datetime,
) -> None:
    """Put a message's documents together and file them; SetAside when a piece is missing."""
    for paper in papers:
        parts = await paper_parts.of(tx, desk.sealer, message_id, paper.number)
        content = b"".join(part.content for part in parts)
        if hashlib.sha256(content).hexdigest() != paper.sha256:
            raise SetAside("document_incomplete", f"document {paper.number} is not whole")
        upload = Upload(content, paper.media_type, parts[0].name, f"/papers/{paper.number}")
        await file.store(tx, desk, referral_id, upload, now=now)
    if papers:
        await paper_parts.drop(tx, message_id)


async def drop(tx: Transaction, message_id: UUID | None) -> None:
    """Forget the pieces of a message whose documents nobody wants."""
    if message_id is not None:
        await paper_parts.drop(tx, message_id)
