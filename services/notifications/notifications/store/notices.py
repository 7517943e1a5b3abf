"""Notices: what clinics shall be told, once per event; the words lie sealed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import RowMapping, select, update

from common.database import Transaction, insert_new
from common.errors import NotFound
from common.events.referral import Appointment, ReferralEvent
from common.sealing import Sealer
from notifications.domain.notice import Letter
from notifications.domain.telling import PENDING, waiting_on
from notifications.store.tables import notices

_LETTER = TypeAdapter(Letter)


@dataclass(frozen=True, slots=True)
class NewNotice:
    """A notice about to be written. `event_key` makes one event tell the same thing once."""

    id: UUID
    event_key: str
    event: ReferralEvent
    letter: Letter
    prior_authorization_id: UUID | None
    appointment: Appointment | None
    traceparent: str | None


Notice = RowMapping | Mapping[str, Any]
"""A notice by its columns, as it was just written or as it was read."""


def _context(notice_id: UUID) -> str:
    return f"notifications.notices:{notice_id}:content"


async def add_all(
    tx: Transaction, new: Sequence[NewNotice], *, sealer: Sealer, now: datetime
) -> list[Notice | None]:
    """Write notices; return each as it was written, None where its event was told under this name before."""
    rows = [_row(one, sealer, now) for one in new]
    if not rows:
        return []
    written = await tx.execute(insert_new(tx, notices).returning(notices.c.id), rows)
    ids = set(written.scalars())
    return [row if row["id"] in ids else None for row in rows]


def _row(new: NewNotice, sealer: Sealer, now: datetime) -> dict[str, Any]:
    notice, event, appointment = new.letter.notice, new.event, new.appointment
    return {
        "id": new.id,
        "event_key": new.event_key,
        "name": notice.name,
        "referral_id": event.referral_id,
        "clinic_id": event.clinic_id,
        "referral_code": notice.referral_code,
        "event_type": event.type,
        "status": event.status,
        "waiting_on": waiting_on(event),
        "prior_authorization_id": new.prior_authorization_id,
        "appointment": appointment.model_dump(mode="json") if appointment else None,
        "happened_at": notice.happened_at,
        "content": sealer.seal_bytes(_LETTER.dump_json(new.letter), _context(new.id)),
        "created_at": now,
        "traceparent": new.traceparent,
    }


async def get(tx: Transaction, notice_id: UUID) -> RowMapping:
    """Return a notice's row; NotFound when there is none."""
    query = select(notices).where(notices.c.id == notice_id)
    row = (await tx.execute(query)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"no notice {notice_id}")
    return row


async def lock(tx: Transaction, notice_id: UUID) -> RowMapping:
    """Return a notice's row and hold it until the transaction ends.

    Whoever changes what belongs to a notice holds it first: two who did it in another order could
    wait for each other for ever.
    """
    query = select(notices).where(notices.c.id == notice_id).with_for_update()
    return (await tx.execute(query)).mappings().one()


def letter_of(row: RowMapping, *, sealer: Sealer) -> Letter:
    """Open the words of a notice."""
    return _LETTER.validate_json(sealer.unseal_bytes(row["content"], _context(row["id"])))


def appointment_of(row: RowMapping) -> Appointment | None:
    """Return the appointment that the notice is about, if it is about one."""
    return Appointment.model_validate(row["appointment"]) if row["appointment"] else None


async def confirm(tx: Transaction, notice_id: UUID, *, by: UUID, at: datetime) -> bool:
    """Close a notice with its first confirmation; return False when it was closed before.

    One conditional UPDATE: of two confirmations at the same moment one alone finds it open.
    """
    unconfirmed = (notices.c.id == notice_id) & notices.c.confirmed_at.is_(None)
    closed = update(notices).where(unconfirmed).values(confirmed_at=at, confirmed_by=by)
    return (await tx.execute(closed)).rowcount == 1


async def supersede(tx: Transaction, notice_id: UUID, *, by: UUID) -> None:
    """Record that a newer notice says what this one would have said."""
    await tx.execute(update(notices).where(notices.c.id == notice_id).values(superseded_by=by))


def is_open(row: RowMapping) -> bool:
    """Return whether the clinic still has to be told."""
    return row["confirmed_at"] is None and row["superseded_by"] is None


async def open_pending(
    tx: Transaction, referral_id: UUID, *, prior_authorization_id: UUID | None
) -> Sequence[RowMapping]:
    """Return the open "still pending" notices of one prior authorization, or of all (None)."""
    mine = (notices.c.referral_id == referral_id) & (notices.c.name == PENDING)
    if prior_authorization_id is not None:
        mine &= notices.c.prior_authorization_id == prior_authorization_id
    unsaid = (notices.c.confirmed_at.is_(None), notices.c.superseded_by.is_(None))
    query = select(notices).where(mine, *unsaid).order_by(notices.c.id)
    return (await tx.execute(query)).mappings().all()
