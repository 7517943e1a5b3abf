"""The numbers that clinics gave to their orders, by which a referral is found again."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, select

from common.database import Transaction, insert_new
from common.events.submission import Identifier
from common.rows import Rows
from intake.domain.referral import OPEN, Status
from intake.store.tables import external_ids as table
from intake.store.tables import referrals
from intake.store.text import plain

LONGEST = 200

APPOINTMENT = "SCH-2"
"""The system of the clinic's own appointments (HL7 v2 SCH-2): a number, but no order's."""


class Number(NamedTuple):
    """A number of a clinic's order, in the numbering that the clinic names."""

    clinic_id: str
    system: str
    value: str


async def add(
    tx: Transaction, clinic_id: str, referral_id: UUID, identifiers: Iterable[Identifier]
) -> None:
    """Keep a referral's numbers; those that it has already are passed over."""
    numbers = numbers_of(clinic_id, identifiers)
    _, rows = rows_of([(referral_id, number) for number in numbers])
    if rows:
        await tx.execute(insert_new(tx, table), rows)


def rows_of(numbers: Sequence[tuple[UUID, Number]]) -> Rows:
    """Return the rows of numbers that referrals do not have yet."""
    return table, [{"referral_id": one} | number._asdict() for one, number in numbers]


async def find(
    tx: Transaction,
    clinic_id: str,
    identifiers: Iterable[Identifier],
    *,
    among: Iterable[Status] = OPEN,
) -> list[UUID]:
    """Return the clinic's referrals that have one of these numbers of the same system."""
    found: list[UUID] = []
    for number in numbers_of(clinic_id, identifiers):
        same = (table.c.system == number.system) & (table.c.value == number.value)
        found += await _having(tx, clinic_id, same, among=among)
    return list(dict.fromkeys(found))


async def find_values(
    tx: Transaction, clinic_id: str, values: Iterable[str], *, among: Iterable[Status]
) -> list[UUID]:
    """Return the clinic's referrals that have one of these order numbers, whatever its system."""
    wanted = {plain(value, LONGEST) for value in values} - {""}
    same = table.c.value.in_(wanted) & (table.c.system != APPOINTMENT)
    return await _having(tx, clinic_id, same, among=among) if wanted else []


async def find_meant(tx: Transaction, clinic_id: str, value: str) -> list[UUID]:
    """Return what an order's number without its system may mean: all open referrals, else the latest."""
    same = (table.c.value == plain(value, LONGEST)) & (table.c.system != APPOINTMENT)
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


def numbers_of(clinic_id: str, identifiers: Iterable[Identifier]) -> list[Number]:
    """Return the numbers as they are kept; a blank one names no order."""
    return [
        Number(clinic_id, plain(one.system or "", LONGEST), value)
        for one in identifiers
        if (value := plain(one.value, LONGEST))
    ]
