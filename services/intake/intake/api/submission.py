"""A referral as it is posted: the submission's own shape, but an unknown field is refused.

What is doubtful is not refused: it becomes a finding. Only what cannot be read is (a date that is none).
"""

from typing import Annotated

from pydantic import Base64Bytes, Field, StringConstraints

from common.events.people import Contact
from common.events.submission import (
    Address,
    Caregiver,
    Clinicals,
    Coverage,
    Diagnosis,
    Identifier,
    Lab,
    Medication,
    Patient,
    Prescriber,
    Submission,
    TriedDrug,
)
from intake.api import examples
from intake.api.strict import STRICT, Moment, Strict


class AddressIn(Address):
    """A postal address."""

    model_config = STRICT


class IdentifierIn(Identifier):
    """A number that somebody gave to a patient or an order."""

    model_config = STRICT


class CaregiverIn(Caregiver):
    """Who speaks for the patient."""

    model_config = STRICT


class ContactIn(Contact):
    """A person at the clinic."""

    model_config = STRICT


class PatientIn(Patient):
    """Who shall get the drug."""

    model_config = STRICT

    address: AddressIn | None = None
    caregiver: CaregiverIn | None = None
    identifiers: tuple[IdentifierIn, ...] = ()


class CoverageIn(Coverage):
    """One insurance."""

    model_config = STRICT


class PrescriberIn(Prescriber):
    """The clinician who prescribes."""

    model_config = STRICT


class MedicationIn(Medication):
    """The drug."""

    model_config = STRICT


class DiagnosisIn(Diagnosis):
    """An ICD-10-CM code."""

    model_config = STRICT


class TriedDrugIn(TriedDrug):
    """A drug that was tried before."""

    model_config = STRICT


class LabIn(Lab):
    """A laboratory result."""

    model_config = STRICT


class ClinicalsIn(Clinicals):
    """What a payer and a pharmacist ask for."""

    model_config = STRICT

    tried_and_failed: tuple[TriedDrugIn, ...] = ()
    labs: tuple[LabIn, ...] = ()


class Said(Submission):
    """The fields of a referral, each of which may be missing."""

    model_config = STRICT

    patient: PatientIn = PatientIn()
    coverages: tuple[CoverageIn, ...] = ()
    prescriber: PrescriberIn = PrescriberIn()
    contact: ContactIn | None = None
    medication: MedicationIn = MedicationIn()
    diagnoses: tuple[DiagnosisIn, ...] = ()
    clinicals: ClinicalsIn = ClinicalsIn()
    external_ids: tuple[IdentifierIn, ...] = ()
    received_at: Moment | None = Field(
        default=None, description="When it reached us, if by another way and earlier than now"
    )


class SubmissionIn(Said):
    """A referral as a clinic sends it; what is missing or doubtful is asked for, not refused."""

    model_config = STRICT | {"json_schema_extra": {"examples": [examples.REFERRAL]}}


class PaperIn(Strict):
    """A document inside an answer."""

    media_type: str = Field(examples=["application/pdf"])
    content: Base64Bytes = Field(description="The document in base64")
    name: Annotated[str, StringConstraints(max_length=255)] | None = None


class AnswerIn(Said):
    """What the clinic answers: any fields of the referral, and words or papers."""

    model_config = STRICT | {"json_schema_extra": {"examples": [examples.ANSWER]}}

    notes: Annotated[str, StringConstraints(max_length=10_000)] | None = None
    documents: tuple[PaperIn, ...] = Field(default=(), max_length=20)
