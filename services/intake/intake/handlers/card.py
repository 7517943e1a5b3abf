"""Whom and what an event is about, in people's words: the card that travels sealed with it."""

from collections.abc import Sequence
from dataclasses import dataclass

from common.database import Transaction
from common.events.people import Contact, PatientCard, ReferralCard
from common.events.referral import (
    AppointmentCancelled,
    AppointmentMissed,
    AppointmentRescheduled,
    InformationNeeded,
    PriorAuthorizationChanged,
    ReferralEvent,
    ReferralScheduled,
    ReferralShipped,
    ShipmentReported,
)
from common.events.submission import Medication, Patient
from common.sealing import Sealer
from intake.domain import information
from intake.domain.findings import Finding
from intake.domain.referral import Referral
from intake.store import clinics, findings
from intake.store.referrals import Kept

WITH_APPOINTMENT = (
    ReferralScheduled,
    AppointmentRescheduled,
    AppointmentCancelled,
    AppointmentMissed,
)
WITH_PARCEL = (ReferralShipped, ShipmentReported)


@dataclass(frozen=True, slots=True)
class Said:
    """What a person said with a command."""

    note: str | None = None


async def of(tx: Transaction, sealer: Sealer, kept: Kept) -> ReferralCard:
    """Return what every event of this referral says of people, and the questions that are open."""
    open_findings = await findings.still_open(tx, kept.referral.id)
    named = kept.details.submission.contact
    coordinator = None if named else await _coordinator(tx, sealer, kept.referral.clinic_id)
    return made(kept, open_findings, coordinator)


def made(kept: Kept, open_findings: Sequence[Finding], coordinator: Contact | None) -> ReferralCard:
    """Return the card; `coordinator` is addressed when the submission names nobody."""
    submission = kept.details.submission
    asked = information.holding_up(kept.referral, open_findings)
    return ReferralCard(
        patient=_patient(submission.patient),
        medication=_medication(submission.medication),
        prescriber_name=submission.prescriber.name,
        contact=submission.contact or coordinator,
        questions=(*(finding.question for finding in asked), *kept.questions),
    )


def for_event(
    card: ReferralCard, event: ReferralEvent, kept: Kept, said: Said | None
) -> ReferralCard:
    """Return the card with no more than this event has to say."""
    extra: dict[str, object] = {"note": said.note if said else None}
    if not isinstance(event, InformationNeeded):
        extra["questions"] = ()
    if isinstance(event, WITH_APPOINTMENT) and kept.referral.appointment:
        extra["place"] = kept.referral.appointment.place
    if isinstance(event, WITH_PARCEL):
        extra["tracking_number"] = kept.details.tracking_number
    if isinstance(event, PriorAuthorizationChanged):
        extra |= _numbers(kept.referral, event)
    return card.model_copy(update=extra)


def _numbers(referral: Referral, event: PriorAuthorizationChanged) -> dict[str, object]:
    changed = next(pa for pa in referral.authorizations if pa.id == event.prior_authorization_id)
    return {
        "authorization_number": changed.details.authorization_number,
        "case_id": changed.details.case_id,
    }


def _patient(patient: Patient) -> PatientCard:
    return PatientCard(
        family_name=patient.family_name or "",
        given_names=patient.given_names,
        birth_date=patient.birth_date,
        identifiers=tuple(identifier.value for identifier in patient.identifiers),
        sex=None if patient.sex == "unknown" else patient.sex,
    )


def _medication(drug: Medication) -> str:
    name = (
        drug.text or (drug.ndc and f"NDC {drug.ndc}") or (drug.rxnorm and f"RxNorm {drug.rxnorm}")
    )
    if name and drug.strength and drug.strength not in name:
        name = f"{name} {drug.strength}"
    return name or ""


async def _coordinator(tx: Transaction, sealer: Sealer, clinic_id: str) -> Contact | None:
    return (await clinics.get(tx, sealer, clinic_id)).coordinator()
