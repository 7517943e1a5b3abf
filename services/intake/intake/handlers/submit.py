"""Taking a referral in: once, checked, with what looks like a repeat recorded and not doubled."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from common.database import Transaction
from intake.domain import findings
from intake.domain.findings import Finding
from intake.domain.referral import Referral, Status
from intake.handlers import arrive, correct, likeness, meant, record, review
from intake.handlers.arrive import Order
from intake.handlers.record import Amendment
from intake.store import clinics, external_ids, referrals
from intake.store.referrals import Kept

NUMBER_REUSED = "order_number_of_another_patient"
REPEATED = "referral.repeated"
ANOTHER_DRUG = "order_number_of_active_referral"
"""The clinic's number of a filled order came again, with another drug."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a submission: a new referral, or the one that it repeats."""

    referral: Referral
    is_new: bool


async def submit(tx: Transaction, order: Order, *, now: datetime) -> Submitted:
    """Take an order of a registered clinic; one that is open already, or filled, makes no twin."""
    desk, door = order.desk, order.door
    contacts = await clinics.one_at_a_time(tx, desk.sealer, [order.clinic_id])
    same_number = await _with_number_of(tx, order)
    doubts = [_doubt(order, known) for known in same_number]
    if None in doubts:
        known = same_number[doubts.index(None)]
        return Submitted(await _repeated(tx, known, order, now=now), False)
    twin = await _twin(tx, order)
    [identifier] = await arrive.free_ids(tx, 1)
    contact = contacts.get(order.clinic_id)
    new = arrive.newcomer(order, identifier, contact=contact, doubts=twin, now=now)
    await arrive.keep_all(tx, desk.sealer, [new], now=now)
    referral = new.kept.referral
    if twin:
        await review.of_referral(tx, desk, referral, findings.DUPLICATE, door=door, now=now)
    if doubts and doubts[0]:
        await review.of_referral(tx, desk, referral, doubts[0], door=door, now=now)
    return Submitted(referral, True)


async def _with_number_of(tx: Transaction, order: Order) -> list[Kept]:
    """Return the clinic's referrals with a number of this order: the open ones, then those filled."""
    found: list[UUID] = []
    for among in meant.IN_TURN:
        ids = order.submission.external_ids
        found += await external_ids.find(tx, order.clinic_id, ids, among=among)
    sealer = order.desk.sealer
    return [await referrals.get(tx, sealer, one, for_update=True) for one in found]


def _doubt(order: Order, known: Kept) -> str | None:
    """Return why an order is not the one that has its number, or None when it is."""
    before = known.details.submission
    if likeness.is_another(before.patient, order.submission.patient):
        return NUMBER_REUSED
    drugs = likeness.index(order.desk.sealer, before), order.patient_index
    is_other = all(drugs) and drugs[0] != drugs[1]
    return ANOTHER_DRUG if known.referral.status is Status.ACTIVE and is_other else None


async def _twin(tx: Transaction, order: Order) -> tuple[Finding, ...]:
    index = order.patient_index
    code = await referrals.open_code_of(tx, order.clinic_id, index) if index else None
    return (findings.duplicate_of(code),) if code else ()


async def _repeated(tx: Transaction, kept: Kept, order: Order, *, now: datetime) -> Referral:
    """Note the repeat; what it says anew corrects the referral, but answers no question of staff."""
    desk, facts = order.desk, {"door": order.door}
    submission = correct.updated(kept.details.submission, order.submission, order.deleted)
    places = kept.details.places | dict(order.places)
    details = kept.details.model_copy(update={"submission": submission, "places": places})
    if submission == kept.details.submission:
        await record.note(tx, desk, kept.referral.id, REPEATED, facts=facts, now=now)
        return kept.referral
    if kept.referral.status is Status.ACTIVE:
        entry = Amendment(REPEATED, details, facts)
        await external_ids.add(tx, order.clinic_id, kept.referral.id, submission.external_ids)
        return await record.amend(tx, desk, kept, entry, now=now)
    await record.note(tx, desk, kept.referral.id, REPEATED, facts=facts, now=now)
    kept = replace(kept, details=details)
    return await correct.take(tx, desk, kept, submission, questions=kept.questions, now=now)
