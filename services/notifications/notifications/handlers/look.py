"""Look at the words of a notice: every look is noted before anything is shown."""

from datetime import datetime
from uuid import UUID

import structlog

from common import audit
from common.audit import Entry, Looker
from common.database import Transaction
from common.sealing import Sealer
from notifications.domain.notice import Letter
from notifications.domain.parcel import Parcel
from notifications.handlers.means import Means
from notifications.handlers.send import parcel_of
from notifications.store import clinics, notices

log = structlog.get_logger()


async def at_words(
    tx: Transaction, notice_id: UUID, who: Looker, *, sealer: Sealer, now: datetime
) -> Letter:
    """Return what a notice says; NotFound when there is none."""
    row = await notices.get(tx, notice_id)
    await _note(tx, "content_read", notice_id, who, sealer=sealer, now=now)
    return notices.letter_of(row, sealer=sealer)


async def at_page(
    tx: Transaction, notice_id: UUID, who: Looker, *, means: Means, now: datetime
) -> Parcel:
    """Return what a fax of the notice would carry now; NotFound when there is no such notice."""
    row = await notices.get(tx, notice_id)
    await _note(tx, "page_seen", notice_id, who, sealer=means.sealer, now=now)
    clinic = await clinics.get(tx, row["clinic_id"], sealer=means.sealer)
    shown = {"attempt_id": notice_id, "id": notice_id, "destination": clinic.fax_number or ""}
    return parcel_of(shown, row, clinic, sealer=means.sealer)


async def _note(
    tx: Transaction, action: str, notice_id: UUID, who: Looker, *, sealer: Sealer, now: datetime
) -> None:
    entry = Entry(who.actor, action, f"notice:{notice_id}", who.reason, who.client)
    await audit.note(tx, entry, sealer=sealer, now=now)
    log.info("notice_read", notice_id=str(notice_id), actor=who.actor, kind=action)
