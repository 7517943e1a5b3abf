"""The numbers that clinics gave to their orders, by which a referral is found again."""

from collections.abc import Iterable, Iterator
from uuid import UUID

from sqlalchemy import ColumnElement, select

from common.database import Transaction, insert_new
from common.events.submission import Identifier
from intake.domain.referral import OPEN, Status
from intake.store.tables import external_ids as table
from intake.store.tables import referrals
from intake.store.text import plain

LONGEST = 200


async def add(
    tx: Transaction, clinic_id: str, referral_id: UUID, identifiers: Iterable[Identifier]
) -> None:
    """Keep a referral's numbers; those that it has already are passed over."""
    for system, value in _numbers(identifiers):
        row = {"clinic_id": clinic_id, "referral_id": referral_id, "system": system, "value": value}
        await tx.execute(insert_new(tx, table).values(row))


async def find_open(
    tx: Transaction, clinic_id: str, identifiers: Iterable[Identifier]
) -> list[UUID]:
    """Return the clinic's open referrals that have one of these numbers of the same system."""
    found: list[UUID] = []
    for system, value in _numbers(identifiers):
        same = (table.c.system == system) & (table.c.value == value)
        found += await _having(tx, clinic_id, same, among=OPEN)
    return list(dict.fromkeys(found))


async def find_meant(tx: Transaction, clinic_id: str, value: str) -> list[UUID]:
    """Return what a number without its system may mean: all open referrals, else the latest one."""
    same = table.c.value == plain(value, LONGEST)
    still_open = await _having(tx, clinic_id, same, among=OPEN)
    return still_open or (await _having(tx, clinic_id, same, among=Status))[:1]


async def _having(
    tx: Transaction, clinic_id: str, same: ColumnElement[bool], *, among: Iterable[Status]
) -> list[UUID]:
    """Return the clinic's referrals in these statuses that have the number, the newest first."""
    query = (
        select(referrals.c.id)
        .join(table, table.c.referral_id == referrals.c.id)
        .where(same, table.c.clinic_id == clinic_id)
        .where(referrals.c.status.in_([status.value for status in among]))
        .order_by(referrals.c.created_at.desc(), referrals.c.id.desc())
    )
    return list(dict.fromkeys(await tx.scalars(query)))


def _numbers(identifiers: Iterable[Identifier]) -> Iterator[tuple[str, str]]:
    """Yield system and value as they are kept; a blank number names no order."""
    for one in identifiers:
        if value := plain(one.value, LONGEST):
            yield plain(one.system or "", LONGEST), value
