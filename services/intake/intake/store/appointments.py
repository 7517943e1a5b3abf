"""Appointments of a referral; where they take place is sealed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, insert, select, update

from common.database import Transaction
from common.sealing import Sealer
from intake.domain.appointment import Appointment, AppointmentState
from intake.store import sealed
from intake.store.tables import appointments as table


async def latest(tx: Transaction, sealer: Sealer, referral_id: UUID) -> Appointment | None:
    """Return the last appointment that was made, whatever became of it."""
    mine = select(table).where(table.c.referral_id == referral_id)
    query = mine.order_by(table.c.created_at.desc(), table.c.id.desc()).limit(1)
    row = (await tx.execute(query)).mappings().one_or_none()
    return _appointment(sealer, row) if row else None


async def save(
    tx: Transaction,
    sealer: Sealer,
    referral_id: UUID,
    appointment: Appointment,
    *,
    is_new: bool,
    now: datetime,
) -> None:
    """Write an appointment that is new or changed."""
    row = {
        "id": appointment.id,
        "kind": appointment.kind,
        "state": appointment.state.value,
        "starts_at": appointment.starts_at,
        "ends_at": appointment.ends_at,
        "place": sealed.close_text(sealer, appointment.place, _context(appointment.id)),
    }
    if is_new:
        new = row | {"referral_id": referral_id, "created_at": now}
        await tx.execute(insert(table).values(new))
    else:
        await tx.execute(update(table).where(table.c.id == appointment.id).values(row))


def _appointment(sealer: Sealer, row: RowMapping) -> Appointment:
    return Appointment(
        id=row["id"],
        kind=row["kind"],
        state=AppointmentState(row["state"]),
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        place=sealed.open_text(sealer, row["place"], _context(row["id"])),
    )


def _context(appointment_id: UUID) -> str:
    return f"appointment:{appointment_id}"
