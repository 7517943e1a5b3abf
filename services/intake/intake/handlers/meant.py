"""Which referral a message means: by the clinic's number of the order, else by the patient's."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from common.database import Transaction
from common.events.submission import Identifier, Patient, Submission
from intake.domain.referral import LIVE, OPEN, Status
from intake.handlers import likeness
from intake.handlers.desk import Desk
from intake.store import external_ids, patient_numbers, referrals
from intake.store.referrals import Kept

Statuses = Iterable[Status]

IN_TURN: Sequence[frozenset[Status]] = (OPEN, LIVE - OPEN)
"""Open referrals are looked through before those that are filled."""


async def by_submission(
    tx: Transaction, desk: Desk, clinic_id: str, submission: Submission
) -> list[Kept]:
    """Return the referrals that a message about an order or a patient may mean, kept for changing."""
    numbers = [one.value for one in submission.external_ids]
    for among in IN_TURN:
        ids = await external_ids.find_values(tx, clinic_id, numbers, among=among)
        found = [await referrals.get(tx, desk.sealer, one, for_update=True) for one in ids]
        if fitting := [one for one in found if not _is_another(one, submission.patient)]:
            return fitting
    for among in IN_TURN:
        if found := await by_patient(tx, desk, clinic_id, submission.patient, among=among):
            return [one for one in found if not _is_another(one, submission.patient)]
    return []


async def by_patient(
    tx: Transaction, desk: Desk, clinic_id: str, patient: Patient, *, among: Statuses
) -> list[Kept]:
    """Return the clinic's referrals of the patient with these numbers, kept for changing."""
    return await by_numbers(tx, desk, clinic_id, patient.identifiers, among=among)


async def by_numbers(
    tx: Transaction, desk: Desk, clinic_id: str, numbers: Sequence[Identifier], *, among: Statuses
) -> list[Kept]:
    """Return the clinic's referrals whose patient has one of these numbers, kept for changing."""
    ids: Sequence[UUID] = await patient_numbers.find(
        tx, desk.sealer, clinic_id, numbers, among=among
    )
    found = [await referrals.get(tx, desk.sealer, one, for_update=True) for one in ids]
    return [one for one in found if shared(one.details.submission.patient.identifiers, numbers)]


def shared(ours: Iterable[Identifier], theirs: Sequence[Identifier]) -> list[Identifier]:
    """Return those of our numbers that are theirs too; where one names no system, the other's counts."""
    return [one for one in ours if any(is_same(one, other) for other in theirs)]


def is_same(one: Identifier, other: Identifier) -> bool:
    """Return whether two numbers are one: the same value, and no two different systems."""
    systems = [(number.system or "").strip().casefold() for number in (one, other)]
    values = [number.value.strip().casefold() for number in (one, other)]
    return values[0] == values[1] and (not all(systems) or systems[0] == systems[1])


def _is_another(kept: Kept, patient: Patient) -> bool:
    return likeness.is_another(kept.details.submission.patient, patient)
