"""The numbers that clinics gave to their orders, by which a referral is found again."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select

from common.database import Transaction, insert_new
from common.events.submission import Identifier
from intake.domain.referral import OPEN
from intake.store.tables import external_ids as table
from intake.store.tables import referrals
from intake.store.text import plain

LONGEST = 200


async def add(
    tx: Transaction, clinic_id: str, referral_id: UUID, identifiers: Iterable[Identifier]
) -> None:
    """Keep a referral's numbers; those that it has already are passed over."""
    for one in identifiers:
        row = {"clinic_id": clinic_id, "referral_id": referral_id}
        place = {"system": _cut(one.system or ""), "value": _cut(one.value)}
        await tx.execute(insert_new(tx, table).values(row | place))


async def find_open(
    tx: Transaction, clinic_id: str, identifiers: Iterable[Identifier]
) -> UUID | None:
    """Return the clinic's open referral that has one of these numbers of the same system."""
    for one in identifiers:
        same = (table.c.system == _cut(one.system or "")) & (table.c.value == _cut(one.value))
        query = (
            select(table.c.referral_id)
            .join(referrals, referrals.c.id == table.c.referral_id)
            .where(same, table.c.clinic_id == clinic_id)
            .where(referrals.c.status.in_([status.value for status in OPEN]))
            .limit(1)
        )
        found: UUID | None = await tx.scalar(query)
        if found is not None:
            return found
    return None


async def find_latest(tx: Transaction, clinic_id: str, value: str) -> UUID | None:
    """Return the clinic's newest referral with this number, whatever its status."""
    query = (
        select(table.c.referral_id)
        .join(referrals, referrals.c.id == table.c.referral_id)
        .where(table.c.clinic_id == clinic_id, table.c.value == _cut(value))
        .order_by(referrals.c.created_at.desc())
        .limit(1)
    )
    found: UUID | None = await tx.scalar(query)
    return found


def _cut(text: str) -> str:
    return plain(text, LONGEST)
