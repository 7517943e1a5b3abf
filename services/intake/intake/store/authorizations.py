"""Prior authorizations of a referral; what is known beside the state is sealed."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import RowMapping, insert, select, update

from common.database import Transaction
from common.errors import Conflict
from common.sealing import Sealer
from intake.domain.prior_authorization import (
    AppealLevel,
    PaDetails,
    PaState,
    PriorAuthorization,
)
from intake.store import sealed
from intake.store.tables import prior_authorizations as table

DETAILS: TypeAdapter[PaDetails] = TypeAdapter(PaDetails)


async def of(tx: Transaction, sealer: Sealer, referral_id: UUID) -> tuple[PriorAuthorization, ...]:
    """Return a referral's authorizations, the oldest first."""
    mine = table.c.referral_id == referral_id
    query = select(table).where(mine).order_by(table.c.created_at, table.c.id)
    rows = (await tx.execute(query)).mappings()
    return tuple(_authorization(sealer, row) for row in rows)


async def save(
    tx: Transaction,
    sealer: Sealer,
    referral_id: UUID,
    *,
    before: Iterable[PriorAuthorization],
    after: Iterable[PriorAuthorization],
    now: datetime,
) -> None:
    """Write those that are new or changed."""
    known = {pa.id: pa for pa in before}
    for pa in after:
        row = _row(sealer, pa)
        if pa.id not in known:
            await _refuse_foreign(tx, pa.id)
            new = row | {"referral_id": referral_id, "created_at": now}
            await tx.execute(insert(table).values(new))
        elif pa != known[pa.id]:
            await tx.execute(update(table).where(table.c.id == pa.id).values(row))


async def _refuse_foreign(tx: Transaction, authorization_id: UUID) -> None:
    """Raise Conflict: the caller chooses the id, so it may be one that another referral has."""
    if await tx.scalar(select(table.c.id).where(table.c.id == authorization_id)) is not None:
        raise Conflict("this prior authorization belongs to another referral")


def _row(sealer: Sealer, pa: PriorAuthorization) -> dict[str, Any]:
    return {
        "id": pa.id,
        "benefit": pa.benefit,
        "state": pa.state.value,
        "level": pa.level.value,
        "current": pa.current,
        "replaces": pa.replaces,
        "known_at": pa.known_at,
        "details": sealed.close(sealer, DETAILS, pa.details, _context(pa.id)),
    }


def _authorization(sealer: Sealer, row: RowMapping) -> PriorAuthorization:
    return PriorAuthorization(
        id=row["id"],
        benefit=row["benefit"],
        state=PaState(row["state"]),
        level=AppealLevel(row["level"]),
        current=row["current"],
        replaces=row["replaces"],
        known_at=row["known_at"],
        details=sealed.open_(sealer, DETAILS, row["details"], _context(row["id"])),
    )


def _context(authorization_id: UUID) -> str:
    return f"prior_authorization:{authorization_id}"
