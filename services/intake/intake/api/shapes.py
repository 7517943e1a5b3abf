"""The shapes of what is answered about a referral."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

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
    places: dict[str, str] = Field(
        description="Where in a message a value stood (`PID[1]-5`), by its JSON pointer"
    )


class Page(BaseModel):
    """A page of a list; `next` is where the following page is, or null at the end."""

    items: list[ReferralLine]
    next: str | None


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
