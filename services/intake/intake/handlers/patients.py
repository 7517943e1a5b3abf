"""What a clinic says of a patient alone: who it is and how insured, and which numbers are one person's."""

from dataclasses import replace
from datetime import datetime

from common.database import Transaction
from common.events.emr import PatientMerged, PatientUpdated
from common.events.submission import Identifier, Patient, PatientMerge, Submission
from intake.domain.referral import LIVE, OPEN
from intake.handlers import correct, heard, likeness, meant, record, review
from intake.handlers.desk import Desk
from intake.handlers.record import Amendment
from intake.handlers.review import Doubt
from intake.store.referrals import Kept

MERGED = "patient.merged"
BOTH_OPEN = "patients_merged_both_open"
ANOTHER = "patient_number_of_another_patient"

ABOUT_PATIENTS = ("/patient/", "/coverages")


async def update(tx: Transaction, desk: Desk, event: PatientUpdated, now: datetime) -> None:
    """Correct the open referrals of a patient; one that we do not serve is passed over."""
    at_desk = await heard.first(tx, desk, event, now=now)
    if at_desk is None or event.clinic_id is None:
        return
    said = heard.opened(at_desk, event, Submission)
    clinic_id = event.clinic_id
    for kept in await meant.by_patient(tx, at_desk, clinic_id, said.patient, among=OPEN):
        if likeness.is_another(kept.details.submission.patient, said.patient):
            doubt = Doubt(ANOTHER, referral_id=kept.referral.id)
            await review.of_interpreted(tx, at_desk, event, doubt, now=now)
        else:
            await _correct(tx, at_desk, kept, said, event, now=now)


async def _correct(
    tx: Transaction,
    desk: Desk,
    kept: Kept,
    said: Submission,
    event: PatientUpdated,
    *,
    now: datetime,
) -> None:
    deleted = [pointer for pointer in event.deleted if pointer.startswith(ABOUT_PATIENTS)]
    before = kept.details.submission
    submission = correct.updated(before, _patient_alone(said), deleted)
    if submission == before:
        return
    facts = heard.told(event, ABOUT_PATIENTS)
    places = kept.details.places | facts.get("places", {})
    kept = replace(kept, details=kept.details.model_copy(update={"places": places}))
    await correct.take(tx, desk, kept, submission, questions=kept.questions, now=now)
    await record.note(tx, desk, kept.referral.id, heard.READ, facts=facts, now=now)


def _patient_alone(said: Submission) -> Submission:
    return Submission(patient=said.patient, coverages=said.coverages)


async def merge(tx: Transaction, desk: Desk, event: PatientMerged, now: datetime) -> None:
    """Give the patient's referrals the number that stays; two open ones are a person's to look at."""
    at_desk = await heard.first(tx, desk, event, now=now)
    if at_desk is None or event.clinic_id is None:
        return
    said = heard.opened(at_desk, event, PatientMerge)
    staying, clinic_id = said.patient.identifiers, event.clinic_id
    gone = await meant.by_numbers(tx, at_desk, clinic_id, said.merged, among=LIVE)
    theirs = await meant.by_numbers(tx, at_desk, clinic_id, staying, among=OPEN)
    ids = {kept.referral.id for kept in gone}
    others = [kept for kept in theirs if kept.referral.id not in ids]
    for kept in gone:
        if others and kept.referral.status in OPEN:
            doubt = Doubt(BOTH_OPEN, referral_id=kept.referral.id)
            await review.of_interpreted(tx, at_desk, event, doubt, now=now)
        else:
            await _renumber(tx, at_desk, kept, said, event, now=now)


async def _renumber(
    tx: Transaction,
    desk: Desk,
    kept: Kept,
    said: PatientMerge,
    event: PatientMerged,
    *,
    now: datetime,
) -> None:
    known = kept.details.submission
    patient = known.patient.model_copy(update={"identifiers": _numbers(known.patient, said)})
    submission = known.model_copy(update={"patient": patient})
    details = kept.details.model_copy(update={"submission": submission})
    if details != kept.details:
        entry = Amendment(MERGED, details, heard.told(event))
        await record.amend(tx, desk, kept, entry, now=now)


def _numbers(patient: Patient, said: PatientMerge) -> tuple[Identifier, ...]:
    """Return the patient's numbers with those that stay in place of those that are merged."""
    gone = meant.shared(patient.identifiers, said.merged)
    left = [one for one in patient.identifiers if one not in gone]
    new = [one for one in said.patient.identifiers if not meant.shared([one], left)]
    return (*left, *new)
