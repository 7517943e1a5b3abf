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
from common.moment import Moment
from intake.api import examples
from intake.api.strict import STRICT, Strict

AT_MOST = Field(max_length=100)
"""More than any chart holds, and few enough to be checked while others wait."""


class AddressIn(Address, Strict):
    """A postal address."""


class IdentifierIn(Identifier, Strict):
    """A number that somebody gave to a patient or an order."""


class CaregiverIn(Caregiver, Strict):
    """Who speaks for the patient."""


class ContactIn(Contact, Strict):
    """A person at the clinic."""


class PatientIn(Patient, Strict):
    """Who shall get the drug."""

    address: AddressIn | None = None
    caregiver: CaregiverIn | None = None
    identifiers: Annotated[tuple[IdentifierIn, ...], AT_MOST] = ()


class CoverageIn(Coverage, Strict):
    """One insurance."""


class PrescriberIn(Prescriber, Strict):
    """The clinician who prescribes."""


class MedicationIn(Medication, Strict):
    """The drug."""


class DiagnosisIn(Diagnosis, Strict):
    """An ICD-10-CM code."""


class TriedDrugIn(TriedDrug, Strict):
    """A drug that was tried before."""


class LabIn(Lab, Strict):
    """A laboratory result."""


class ClinicalsIn(Clinicals, Strict):
    """What a payer and a pharmacist ask for."""

    tried_and_failed: Annotated[tuple[TriedDrugIn, ...], AT_MOST] = ()
    labs: Annotated[tuple[LabIn, ...], AT_MOST] = ()


class Said(Submission, Strict):
    """The fields of a referral, each of which may be missing."""

    patient: PatientIn = PatientIn()
    coverages: Annotated[tuple[CoverageIn, ...], AT_MOST] = ()
    prescriber: PrescriberIn = PrescriberIn()
    contact: ContactIn | None = None
    medication: MedicationIn = MedicationIn()
    diagnoses: Annotated[tuple[DiagnosisIn, ...], AT_MOST] = ()
    clinicals: ClinicalsIn = ClinicalsIn()
    external_ids: Annotated[tuple[IdentifierIn, ...], AT_MOST] = ()
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
