"""A referral as a clinic submits it, whatever door it came by. Sealed in events, JSON on the REST door.

Every field may be missing: what is doubtful becomes a finding, never a refusal.
"""

from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import AwareDatetime, Base64Bytes, Field

from common.events.envelope import Fact
from common.events.people import Contact


class Address(Fact):
    """A postal address."""

    line1: str | None = None
    line2: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None


class Identifier(Fact):
    """A number that somebody gave to a patient or an order, with who gave it."""

    value: str
    system: str | None = Field(default=None, description="Assigning authority or namespace")
    type: str | None = Field(default=None, description="HL7 table 0203 code, such as MR")


class Caregiver(Fact):
    """Who speaks for the patient."""

    name: str
    relationship: str | None = None
    phone: str | None = None


class Patient(Fact):
    """Who shall get the drug."""

    family_name: str | None = None
    given_names: tuple[str, ...] = ()
    birth_date: date | None = None
    sex: Literal["female", "male", "other", "unknown"] = "unknown"
    phones: tuple[str, ...] = ()
    email: str | None = None
    address: Address | None = None
    preferred_language: str | None = None
    caregiver: Caregiver | None = None
    identifiers: tuple[Identifier, ...] = ()


class Coverage(Fact):
    """One insurance, in the order in which they pay."""

    payer: str | None = None
    member_id: str | None = None
    bin: str | None = Field(default=None, description="Issuer identification number, 6 or 8 digits")
    pcn: str | None = None
    group: str | None = None
    benefit: Literal["pharmacy", "medical"] = "pharmacy"
    order: int = 1


class Prescriber(Fact):
    """The clinician who prescribes."""

    npi: str | None = None
    name: str | None = None
    phone: str | None = None
    fax: str | None = None


class Medication(Fact):
    """The drug and how it shall be taken."""

    text: str | None = None
    ndc: str | None = None
    rxnorm: str | None = None
    strength: str | None = None
    sig: str | None = None
    quantity: Decimal | None = None
    quantity_unit: str | None = None
    days_supply: int | None = None
    refills: int | None = None


class Diagnosis(Fact):
    """An ICD-10-CM code and its words."""

    code: str
    text: str | None = None


class TriedDrug(Fact):
    """A drug that was tried before, and how that went."""

    drug: str
    outcome: str | None = None


class Lab(Fact):
    """A laboratory result."""

    name: str
    value: str
    unit: str | None = None
    taken_on: date | None = None


class Clinicals(Fact):
    """What a payer and a pharmacist ask for."""

    weight_kg: Decimal | None = None
    allergies: tuple[str, ...] = ()
    tried_and_failed: tuple[TriedDrug, ...] = ()
    labs: tuple[Lab, ...] = ()
    notes: str | None = None


class Submission(Fact):
    """Everything that a clinic says when it refers a patient."""

    clinic_id: str | None = None
    patient: Patient = Patient()
    coverages: tuple[Coverage, ...] = ()
    prescriber: Prescriber = Prescriber()
    contact: Contact | None = None
    medication: Medication = Medication()
    diagnoses: tuple[Diagnosis, ...] = ()
    therapy: Literal["new_start", "continuation"] | None = None
    clinicals: Clinicals = Clinicals()
    external_ids: tuple[Identifier, ...] = ()
    received_at: AwareDatetime | None = None


class PaperPart(Fact):
    """A piece of a document; the first says what the document is called."""

    content: Base64Bytes
    name: str | None = None


class PatientMerge(Fact):
    """The patient that stays, and the numbers that are now that patient's too."""

    patient: Patient
    merged: tuple[Identifier, ...]


class ClinicVisit(Fact):
    """Where, with whom and why a clinic sees its patient."""

    place: str | None = None
    provider: str | None = None
    reason: str | None = None
