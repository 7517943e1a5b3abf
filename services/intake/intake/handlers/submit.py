"""Taking a referral in: once, checked, with what looks like a repeat recorded and not doubled."""

from dataclasses import dataclass
from datetime import datetime

from common.database import Transaction
from common.events.submission import Submission
from intake.domain import findings
from intake.domain.findings import Finding
from intake.domain.information import Door
from intake.domain.referral import Referral
from intake.handlers import arrive, correct, likeness, record, review
from intake.handlers.arrive import Order
from intake.handlers.desk import Desk
from intake.store import clinics, external_ids, referrals
from intake.store.referrals import Kept

NUMBER_REUSED = "order_number_of_another_patient"


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a submission: a new referral, or the open one that it repeats."""

    referral: Referral
    is_new: bool


async def submit(
    tx: Transaction,
    desk: Desk,
    submission: Submission,
    *,
    clinic_id: str,
    door: Door,
    received_at: datetime,
    now: datetime,
) -> Submitted:
    """Take a submission of a registered clinic; the same order of an open referral makes no twin."""
    contacts = await clinics.one_at_a_time(tx, desk.sealer, [clinic_id])
    same_number = await _open_with_number_of(tx, desk, clinic_id, submission)
    for open_one in same_number:
        if not likeness.is_another(open_one.details.submission.patient, submission.patient):
            repeated = await _repeated(tx, desk, open_one, submission, door=door, now=now)
            return Submitted(repeated, False)
    order = Order(desk, submission, clinic_id, door, received_at)
    twin = await _twin(tx, order)
    [identifier] = await arrive.free_ids(tx, 1)
    contact = contacts.get(clinic_id)
    new = arrive.newcomer(order, identifier, contact=contact, doubts=twin, now=now)
    await arrive.keep_all(tx, desk.sealer, [new], now=now)
    referral = new.kept.referral
    if twin:
        await review.of_referral(tx, desk, referral, findings.DUPLICATE, door=door, now=now)
    if same_number:
        await review.of_referral(tx, desk, referral, NUMBER_REUSED, door=door, now=now)
    return Submitted(referral, True)


async def _open_with_number_of(
    tx: Transaction, desk: Desk, clinic_id: str, submission: Submission
) -> list[Kept]:
    """Return the clinic's open referrals with a number of this order, whoever the patient is."""
    found = await external_ids.find_open(tx, clinic_id, submission.external_ids)
    return [await referrals.get(tx, desk.sealer, one, for_update=True) for one in found]


async def _twin(tx: Transaction, order: Order) -> tuple[Finding, ...]:
    index = order.patient_index
    code = await referrals.open_code_of(tx, order.clinic_id, index) if index else None
    return (findings.duplicate_of(code),) if code else ()


async def _repeated(
    tx: Transaction,
    desk: Desk,
    kept: Kept,
    submission: Submission,
    *,
    door: Door,
    now: datetime,
) -> Referral:
    """Note the repeat; what it says anew corrects the referral, but answers no question of staff."""
    facts = {"door": door}
    await record.note(tx, desk, kept.referral.id, "referral.repeated", facts=facts, now=now)
    merged = correct.merge(kept.details.submission, correct.what_is_said(submission))
    if merged == kept.details.submission:
        return kept.referral
    return await correct.take(tx, desk, kept, merged, questions=kept.questions, now=now)
