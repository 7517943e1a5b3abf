"""The numbers that clinics gave to their patients, as keyed hashes: an update finds its referrals."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import delete, select

from common.database import Transaction
from common.events.submission import Identifier
from common.rows import Rows, insert_all
from common.sealing import Sealer
from intake.domain.referral import Status
from intake.store.tables import patient_numbers as table
from intake.store.tables import referrals

LONGEST = 200


async def put(
    tx: Transaction,
    sealer: Sealer,
    clinic_id: str,
    referral_id: UUID,
    numbers: Iterable[Identifier],
) -> None:
    """Make these the numbers of a referral's patient."""
    await tx.execute(delete(table).where(table.c.referral_id == referral_id))
    await insert_all(tx, rows_of(sealer, [(referral_id, clinic_id, numbers)]))


def rows_of(sealer: Sealer, patients: Sequence[tuple[UUID, str, Iterable[Identifier]]]) -> Rows:
    """Return the rows of the numbers of referrals' patients (referral, clinic, numbers)."""
    return table, [
        {"referral_id": referral_id, "clinic_id": clinic_id, "number_index": index}
        for referral_id, clinic_id, numbers in patients
        for index in _indexes(sealer, numbers)
    ]


async def find(
    tx: Transaction,
    sealer: Sealer,
    clinic_id: str,
    numbers: Iterable[Identifier],
    *,
    among: Iterable[Status],
) -> list[UUID]:
    """Return the clinic's referrals whose patient may have one of these numbers, the newest first.

    Whose number it is (its system) is not looked at here.
    """
    query = (
        select(referrals.c.id)
        .join(table, table.c.referral_id == referrals.c.id)
        .where(table.c.clinic_id == clinic_id)
        .where(table.c.number_index.in_(_indexes(sealer, numbers)))
        .where(referrals.c.status.in_([status.value for status in among]))
        .order_by(referrals.c.created_at.desc(), referrals.c.id.desc())
    )
    return list(dict.fromkeys(await tx.scalars(query)))


def _indexes(sealer: Sealer, numbers: Iterable[Identifier]) -> list[str]:
    """Return a keyed hash of each number; blanks and case do not count."""
    plain = (one.value.strip().casefold()[:LONGEST] for one in numbers)
    return sorted({sealer.blind_index(f"patient-number:{value}") for value in plain if value})
