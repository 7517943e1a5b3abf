"""What is known already of orders that come, in one look: numbers, patients, codes taken, answers given."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import ColumnElement, CompoundSelect, String, literal_column, select, union_all

from common.answers import Place
from common.database import Transaction
from common.rows import look_up, one_of
from common.tables import idempotency_keys
from intake.domain.referral import LIVE, OPEN
from intake.store.external_ids import Number
from intake.store.tables import external_ids, referrals

Patient = tuple[str, str]
"""A clinic's id and the keyed hash of one patient of it with one drug."""

NOTHING = literal_column("''", String)

STATUSES = {
    "live": [status.value for status in LIVE],
    "still_open": [status.value for status in OPEN],
}


class Known(NamedTuple):
    """What of that which was looked for is there."""

    numbers: set[Number]
    """That a referral has which is open or active."""
    patients: set[Patient]
    """Of whom, each with the drug, the clinic has an open referral."""
    codes: set[str]
    """That are a referral's."""
    places: set[Place]
    """Where an answer is kept."""


async def look(
    tx: Transaction,
    numbers: AbstractSet[Number] = frozenset(),
    patients: AbstractSet[Patient] = frozenset(),
    codes: Iterable[str] = (),
    places: AbstractSet[Place] = frozenset(),
) -> Known:
    """Return which of these numbers, patients and short codes referrals have, and which places an answer."""
    wanted = {
        "clinics": list({one.clinic_id for one in numbers} | {clinic for clinic, _ in patients}),
        "numbers": list({number.value for number in numbers}),
        "patients": list({index for _, index in patients}),
        "codes": list(codes),
        "scopes": list({scope for scope, _ in places}),
        "keys": [key for _, key in places],
    }
    found = Known(set(), set(), set(), set())
    for what, *told in await look_up(tx, _query(tx.dialect.name), STATUSES | wanted):
        if what == "number":
            found.numbers.add(Number(*told))
        elif what == "patient":
            found.patients.add((told[0], told[1]))
        elif what == "place":
            found.places.add((told[0], told[1]))
        else:
            found.codes.add(told[0])
    numbers, patients = found.numbers & numbers, found.patients & patients
    return Known(numbers, patients, found.codes, found.places & places)


@lru_cache(maxsize=2)
def _query(dialect: str) -> CompoundSelect[str, str, str, str]:
    def kind(what: str) -> ColumnElement[str]:
        return literal_column(f"'{what}'", String)

    def is_in(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
        return one_of(column, name, dialect)

    ids, rows, kept = external_ids.c, referrals.c, idempotency_keys.c
    # SQLite would go through all that are open, where it can, rather than look up each patient.
    status = rows.status if dialect == "postgresql" else rows.status.concat(NOTHING)
    numbers = (
        select(kind("number"), ids.clinic_id, ids.system, ids.value)
        .join(referrals, ids.referral_id == rows.id)
        .where(is_in(ids.clinic_id, "clinics"), is_in(ids.value, "numbers"))
        .where(is_in(status, "live"))
    )
    patients = (
        select(kind("patient"), rows.clinic_id, rows.patient_index, NOTHING)
        .where(is_in(rows.clinic_id, "clinics"), is_in(rows.patient_index, "patients"))
        .where(is_in(status, "still_open"))
    )
    codes = select(kind("code"), rows.code, NOTHING, NOTHING).where(is_in(rows.code, "codes"))
    answers = select(kind("place"), kept.scope, kept.key, NOTHING).where(
        is_in(kept.scope, "scopes"), is_in(kept.key, "keys")
    )
    return union_all(numbers, patients, codes, answers)
