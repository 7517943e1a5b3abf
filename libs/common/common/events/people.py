"""What is known of people. These models never stand in an event in the clear: they are sealed."""

from datetime import date
from typing import Literal

from pydantic import Field

from common.events.envelope import Fact


class Contact(Fact):
    """A person at a clinic to whom updates are addressed."""

    name: str
    role: str = "referral_coordinator"
    phone: str | None = None
    email: str | None = None


class PatientCard(Fact):
    """As much of a patient as a clinic needs to know whom an update is about."""

    family_name: str
    given_names: tuple[str, ...] = ()
    birth_date: date | None = None
    identifiers: tuple[str, ...] = ()
    sex: Literal["female", "male", "other", "unknown"] | None = Field(
        default=None, description="Administrative sex"
    )


class ReferralCard(Fact):
    """What a notice says of people: patient, drug, who sent it, and free text of this event."""

    patient: PatientCard
    medication: str
    prescriber_name: str | None = None
    contact: Contact | None = None
    questions: tuple[str, ...] = Field(
        default=(), description="What must be answered, in plain words"
    )
    note: str | None = None
    place: str | None = Field(
        default=None, description="Where an appointment or delivery takes place"
    )
    tracking_number: str | None = None
    authorization_number: str | None = None
    case_id: str | None = None


class ClinicCard(Fact):
    """The people and secrets of a clinic."""

    contacts: tuple[Contact, ...] = ()
    webhook_secret: str | None = Field(
        default=None, description="`whsec_` + base64 (Standard Webhooks)"
    )
