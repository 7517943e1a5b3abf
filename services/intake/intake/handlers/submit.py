"""Taking a referral in: once, checked, with what looks like a repeat recorded and not doubled."""

from dataclasses import dataclass
from datetime import datetime

from common.database import Transaction
from common.events.submission import Submission
from common.ids import new_id, short_code
from intake.domain import completeness, findings, information
from intake.domain.details import Details
from intake.domain.findings import Finding, Known
from intake.domain.information import Arrival, Door
from intake.domain.referral import Referral
from intake.handlers import correct, likeness, record, review
from intake.handlers.desk import Desk
from intake.store import clinics, external_ids, referrals
from intake.store import findings as kept_findings
from intake.store.referrals import Kept, Origin

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
    await clinics.one_at_a_time(tx, clinic_id)
    same_number = await _open_with_number_of(tx, desk, clinic_id, submission)
    for order in same_number:
        if not likeness.is_another(order.details.submission.patient, submission.patient):
            return Submitted(
                await _repeated(tx, desk, order, submission, door=door, now=now), False
            )
    submission = submission.model_copy(update={"clinic_id": clinic_id})
    twin = await _twin(tx, desk, clinic_id, submission)
    found = findings.check(submission, Known(now.date(), desk.diagnoses))
    arrival = Arrival(
        door=door,
        received_at=received_at,
        findings=(*found, *twin),
        completeness=completeness.score(found),
        source_message_id=desk.source_message_id,
    )
    referral = await _receive(tx, desk, submission, arrival, now=now)
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


async def _receive(
    tx: Transaction, desk: Desk, submission: Submission, arrival: Arrival, *, now: datetime
) -> Referral:
    new = await _new(tx, submission.clinic_id or "")
    after, events = information.receive(new, arrival, now=now)
    kept = Kept(after, Details(submission=submission), _origin(arrival, now))
    index = likeness.index(desk.sealer, submission)
    await referrals.add(tx, desk.sealer, kept, patient_index=index)
    await external_ids.add(tx, after.clinic_id, after.id, submission.external_ids)
    await kept_findings.add(tx, after.id, arrival.findings, now=now)
    await record.tell(tx, desk, kept, events, since=None, now=now)
    return after


async def _new(tx: Transaction, clinic_id: str) -> Referral:
    """Draw ids until one's short code is free."""
    identifier = new_id()
    while await referrals.is_code_taken(tx, short_code(identifier)):
        identifier = new_id()
    return Referral(id=identifier, clinic_id=clinic_id, code=short_code(identifier))


def _origin(arrival: Arrival, now: datetime) -> Origin:
    return Origin(
        door=arrival.door,
        received_at=arrival.received_at,
        source_message_id=arrival.source_message_id,
        completeness=arrival.completeness,
        created_at=now,
        updated_at=now,
    )


async def _twin(
    tx: Transaction, desk: Desk, clinic_id: str, submission: Submission
) -> tuple[Finding, ...]:
    index = likeness.index(desk.sealer, submission)
    code = await referrals.open_code_of(tx, clinic_id, index) if index else None
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
