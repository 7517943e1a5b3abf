"""Referrals: the state in columns that can be searched, what people said in one sealed column."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import RowMapping, bindparam, select, update

from common.database import Transaction
from common.errors import ConcurrentUpdate, NotFound
from common.rows import Rows
from common.sealing import Sealer
from intake.domain.details import Details
from intake.domain.information import Door
from intake.domain.referral import OPEN, Cancellation, Pause, Referral, Status
from intake.store import appointments, authorizations, sealed
from intake.store.tables import referrals as table

DETAILS: TypeAdapter[Details] = TypeAdapter(Details)
PAUSE: TypeAdapter[Pause | None] = TypeAdapter(Pause | None)
CANCELLATION: TypeAdapter[Cancellation | None] = TypeAdapter(Cancellation | None)

EXISTING = select(table.c.id).where(table.c.id.in_(bindparam("ids", expanding=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """How a referral came in; written once. `completeness` is the score of its latest check."""

    door: Door
    received_at: datetime
    source_message_id: UUID | None
    completeness: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """A referral as it is kept: its state, what people said, how it came in."""

    referral: Referral
    details: Details
    origin: Origin

    @property
    def questions(self) -> tuple[str, ...]:
        """Return what staff asks; nothing once it was accepted, or has ended, in spite of it."""
        return self.details.questions if self.referral.asked_at else ()


async def get(
    tx: Transaction, sealer: Sealer, referral_id: UUID, *, for_update: bool = False
) -> Kept:
    """Return the referral; NotFound when there is none. `for_update` keeps other writers waiting."""
    query = select(table).where(table.c.id == referral_id)
    if for_update:
        query = query.with_for_update()
    row = (await tx.execute(query)).mappings().one_or_none()
    if row is None:
        raise NotFound("there is no referral with this id")
    details = sealed.open_(sealer, DETAILS, row["details"], _context(referral_id))
    return Kept(await _referral(tx, sealer, row), details, _origin(row))


async def exists(tx: Transaction, referral_id: UUID) -> bool:
    """Return whether there is such a referral."""
    return await tx.scalar(select(table.c.id).where(table.c.id == referral_id)) is not None


async def existing(tx: Transaction, referral_ids: Collection[UUID]) -> set[UUID]:
    """Return which of these referrals there are."""
    return set(await tx.scalars(EXISTING, {"ids": list(referral_ids)}))


async def open_code_of(tx: Transaction, clinic_id: str, patient_index: str) -> str | None:
    """Return the code of a clinic's open referral of the same patient and drug, if there is one."""
    query = (
        select(table.c.code)
        .where(table.c.clinic_id == clinic_id, table.c.patient_index == patient_index)
        .where(table.c.status.in_([status.value for status in OPEN]))
        .order_by(table.c.created_at)
        .limit(1)
    )
    code: str | None = await tx.scalar(query)
    return code


def rows_of(sealer: Sealer, arrived: Sequence[tuple[Kept, str | None]]) -> Rows:
    """Return the rows of new referrals, each with its patient's index."""
    return table, [_row(sealer, kept, index) for kept, index in arrived]


def _row(sealer: Sealer, kept: Kept, patient_index: str | None) -> dict[str, Any]:
    origin = kept.origin
    return _state(kept.referral) | {
        "completeness": origin.completeness,
        "door": origin.door,
        "source_message_id": origin.source_message_id,
        "received_at": origin.received_at,
        "created_at": origin.created_at,
        "updated_at": origin.updated_at,
        "patient_index": patient_index,
        "details": _closed(sealer, kept),
    }


async def save(
    tx: Transaction,
    sealer: Sealer,
    before: Referral,
    kept: Kept,
    *,
    patient_index: str | None,
    now: datetime,
) -> None:
    """Write what follows `before`; ConcurrentUpdate if another transaction wrote first."""
    row = _state(kept.referral) | {
        "completeness": kept.origin.completeness,
        "patient_index": patient_index,
        "details": _closed(sealer, kept),
        "updated_at": now,
    }
    previous = (table.c.id == before.id) & (table.c.version == before.version)
    result = await tx.execute(update(table).where(previous).values(row))
    if result.rowcount != 1:
        raise ConcurrentUpdate(f"referral {before.id} was changed by someone else")


def _closed(sealer: Sealer, kept: Kept) -> bytes:
    return sealed.close(sealer, DETAILS, kept.details, _context(kept.referral.id))


def _state(referral: Referral) -> dict[str, Any]:
    return {
        "id": referral.id,
        "code": referral.code,
        "clinic_id": referral.clinic_id,
        "status": referral.status.value,
        "reason": referral.reason,
        "waiting_on": referral.waiting_on,
        "respond_by": referral.respond_by,
        "version": referral.version,
        "held_at": PAUSE.dump_python(referral.held_at, mode="json"),
        "asked_at": PAUSE.dump_python(referral.asked_at, mode="json"),
        "cancellation": CANCELLATION.dump_python(referral.cancellation, mode="json"),
    }


async def _referral(tx: Transaction, sealer: Sealer, row: RowMapping) -> Referral:
    return Referral(
        id=row["id"],
        clinic_id=row["clinic_id"],
        code=row["code"],
        status=Status(row["status"]),
        reason=row["reason"],
        waiting_on=row["waiting_on"],
        respond_by=row["respond_by"],
        version=row["version"],
        held_at=PAUSE.validate_python(row["held_at"]),
        asked_at=PAUSE.validate_python(row["asked_at"]),
        cancellation=CANCELLATION.validate_python(row["cancellation"]),
        appointment=await appointments.latest(tx, sealer, row["id"]),
        authorizations=await authorizations.of(tx, sealer, row["id"]),
    )


def _origin(row: RowMapping) -> Origin:
    return Origin(
        door=row["door"],
        received_at=row["received_at"],
        source_message_id=row["source_message_id"],
        completeness=row["completeness"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _context(referral_id: UUID) -> str:
    return f"referral:{referral_id}"
