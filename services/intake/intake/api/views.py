"""A referral as callers see it."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from common.database import Transaction
from common.events.people import Contact
from common.events.submission import (
    Clinicals,
    Coverage,
    Diagnosis,
    Identifier,
    Medication,
    Patient,
    Prescriber,
)
from intake.domain import information
from intake.domain.appointment import Appointment
from intake.domain.commands import allowed
from intake.domain.prior_authorization import PriorAuthorization
from intake.domain.referral import Cancellation, Referral
from intake.handlers.desk import Desk
from intake.store import deliveries, findings, promises, referrals
from intake.store.findings import KeptFinding


class Out(BaseModel):
    """A part of an answer, read from whatever has these attributes."""

    model_config = ConfigDict(from_attributes=True)


class PriorAuthorizationOut(Out):
    """One prior authorization. `level`: 0 none, 1, 2, 3 = external review."""

    id: UUID
    benefit: str
    state: str
    open: bool
    current: bool
    waiting_on: str
    level: int
    known_at: AwareDatetime
    replaces: UUID | None
    payer: str | None
    case_id: str | None
    reference_id: str | None
    submitted_by: str | None
    channel: str | None
    submitted_on: date | None
    decided_on: date | None
    authorization_number: str | None
    effective_on: date | None
    expires_on: date | None
    units: Decimal | None
    appeal_deadline: date | None
    denial_reason: str | None
    note: str | None


class AppointmentOut(Out):
    """The latest appointment."""

    id: UUID
    kind: str
    state: str
    starts_at: AwareDatetime
    ends_at: AwareDatetime | None
    place: str | None


class CancellationOut(Out):
    """The clinic's wish to cancel: requested, confirmed or overtaken."""

    state: str
    reason: str


class FindingOut(Out):
    """What is or was missing or doubtful, and the question that asks for it."""

    code: str
    pointer: str
    question: str
    blocking: bool
    related: str | None
    found_at: AwareDatetime
    settled_at: AwareDatetime | None


class PromiseOut(Out):
    """What is owed to the clinic and by when."""

    id: UUID
    kind: str
    state: str = Field(description="promised, at_risk, kept or broken")
    notice_id: UUID | None
    started_at: AwareDatetime
    due_at: AwareDatetime
    kept_at: AwareDatetime | None


class DeliveryOut(Out):
    """What became of telling the clinic by one channel."""

    id: UUID
    notice_id: UUID
    notice: str
    channel: str
    state: str = Field(description="delivered (confirmed) or failed")
    attempts: int
    confirmed_at: AwareDatetime | None
    reason_class: str | None
    failure_code: str | None
    next_channel: str | None
    needs_person: bool
    ended_at: AwareDatetime


class ReferralLine(Out):
    """A referral in a list: its state, nobody's data."""

    id: UUID
    code: str
    clinic_id: str
    status: str
    reason: str | None
    waiting_on: str
    respond_by: AwareDatetime | None
    version: int
    completeness: int
    door: str
    received_at: AwareDatetime
    created_at: AwareDatetime
    updated_at: AwareDatetime
    links: dict[str, str] = Field(default_factory=dict)


class ReferralOut(ReferralLine):
    """Everything about a referral. `allowed_commands` are the ones that would not be refused now."""

    source_message_id: UUID | None
    allowed_commands: tuple[str, ...]
    cancellation: CancellationOut | None
    questions: tuple[str, ...] = Field(description="What the clinic is asked for now")
    findings: list[FindingOut]
    prior_authorizations: list[PriorAuthorizationOut]
    appointment: AppointmentOut | None
    tracking_number: str | None
    promises: list[PromiseOut]
    deliveries: list[DeliveryOut]
    patient: Patient
    coverages: tuple[Coverage, ...]
    prescriber: Prescriber
    contact: Contact | None
    medication: Medication
    diagnoses: tuple[Diagnosis, ...]
    therapy: str | None
    clinicals: Clinicals
    external_ids: tuple[Identifier, ...]


class Page(BaseModel):
    """A page of a list; `next` is where the following page is, or null at the end."""

    items: list[ReferralLine]
    next: str | None


async def referral(tx: Transaction, desk: Desk, referral_id: UUID, base: str) -> ReferralOut:
    """Return a referral with all that belongs to it."""
    kept = await referrals.get(tx, desk.sealer, referral_id)
    made = await findings.of(tx, referral_id)
    state, said = kept.referral, kept.details.submission
    return ReferralOut(
        **_line(kept.origin, state, base),
        source_message_id=kept.origin.source_message_id,
        allowed_commands=allowed(state),
        cancellation=_cancellation(state.cancellation),
        questions=(*_asked(state, made), *kept.details.questions),
        findings=[_finding(one) for one in made],
        prior_authorizations=[_authorization(pa) for pa in state.authorizations],
        appointment=_appointment(state.appointment),
        tracking_number=kept.details.tracking_number,
        promises=[PromiseOut(**row) for row in await promises.of(tx, referral_id)],
        deliveries=[DeliveryOut(**row) for row in await deliveries.of(tx, referral_id)],
        **{name: getattr(said, name) for name in SAID},
    )


SAID = (
    "patient",
    "coverages",
    "prescriber",
    "contact",
    "medication",
    "diagnoses",
    "therapy",
    "clinicals",
    "external_ids",
)


def links(base: str, referral_id: UUID) -> dict[str, str]:
    """Return where the referral and what belongs to it are found."""
    itself = f"{base}/v1/referrals/{referral_id}"
    return {
        "self": itself,
        "timeline": f"{itself}/timeline",
        "documents": f"{itself}/documents",
    }


def _line(origin: referrals.Origin, state: Referral, base: str) -> dict[str, Any]:
    of_state = ("id", "code", "clinic_id", "reason", "waiting_on", "respond_by", "version")
    of_origin = ("completeness", "door", "received_at", "created_at", "updated_at")
    return (
        {name: getattr(state, name) for name in of_state}
        | {name: getattr(origin, name) for name in of_origin}
        | {"status": state.status.value, "links": links(base, state.id)}
    )


def _asked(state: Referral, made: list[KeptFinding]) -> list[str]:
    unsettled = [one.finding for one in made if one.settled_at is None]
    return [finding.question for finding in information.holding_up(state, unsettled)]


def _finding(made: KeptFinding) -> FindingOut:
    finding = made.finding
    return FindingOut(
        code=finding.code,
        pointer=finding.pointer,
        question=finding.question,
        blocking=finding.blocking,
        related=finding.related,
        found_at=made.found_at,
        settled_at=made.settled_at,
    )


def _authorization(pa: PriorAuthorization) -> PriorAuthorizationOut:
    details = {name: getattr(pa.details, name) for name in pa.details.__slots__}
    return PriorAuthorizationOut(
        id=pa.id,
        benefit=pa.benefit,
        state=pa.state.value,
        open=pa.is_open,
        current=pa.current,
        waiting_on=pa.waiting_on,
        level=pa.level.value,
        known_at=pa.known_at,
        replaces=pa.replaces,
        **details,
    )


def _appointment(booked: Appointment | None) -> AppointmentOut | None:
    return AppointmentOut.model_validate(booked) if booked else None


def _cancellation(wish: Cancellation | None) -> CancellationOut | None:
    return CancellationOut.model_validate(wish) if wish else None


class EntryOut(BaseModel):
    """One thing that happened: when, who, what."""

    occurred_at: datetime
    recorded_at: datetime
    actor: str
    what: str = Field(examples=["referral.accepted.v1"])
    text: str = Field(description="What happened, in words")
    from_status: str | None
    to_status: str | None
    reason: str | None
    source_message_id: UUID | None
    facts: dict[str, Any]
    note: str | None
