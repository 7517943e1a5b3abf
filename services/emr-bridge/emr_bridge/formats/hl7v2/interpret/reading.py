"""What a message can turn out to be."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from common.events.submission import ClinicVisit, Identifier, Patient, Submission


@dataclass(frozen=True, slots=True)
class Document:
    """A document that stood in a message, as bytes of a type that its first bytes confirm."""

    content: bytes
    media_type: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """How a reading came about: where values stood, what is deleted, documents, what was amiss."""

    places: Mapping[str, str] = field(default_factory=dict)
    deleted: tuple[str, ...] = ()
    documents: tuple[Document, ...] = ()
    findings: tuple[str, ...] = ()


NOTHING = Found()


@dataclass(frozen=True, slots=True)
class Requested:
    """It refers a patient, or changes what was referred.

    `placer`, `patient_ids` and `provider` are as sent, to be echoed.
    """

    submission: Submission
    placer: str
    patient_ids: str
    provider: str = ""
    is_change: bool = False
    found: Found = field(default=NOTHING, compare=False)


@dataclass(frozen=True, slots=True)
class CancellationAsked:
    """It takes back what an earlier message asked for, by the sender's own number."""

    external_id: str


@dataclass(frozen=True, slots=True)
class StatusAsked:
    """It asks where the order with the sender's own number stands."""

    external_id: str
    found: Found = field(default=NOTHING, compare=False)


@dataclass(frozen=True, slots=True)
class StatusTold:
    """It tells where an order stands with the sender: ORC-1, ORC-5."""

    external_id: str
    control: str
    status: str | None
    found: Found = field(default=NOTHING, compare=False)


@dataclass(frozen=True, slots=True)
class Results:
    """It brings documents and results of a patient; only those parts of the submission are there."""

    submission: Submission
    found: Found = field(default=NOTHING, compare=False)


@dataclass(frozen=True, slots=True)
class PatientTold:
    """It says who a patient is and how insured; only those parts of the submission are there."""

    submission: Submission
    found: Found = field(default=NOTHING, compare=False)


@dataclass(frozen=True, slots=True)
class PatientsMerged:
    """It says that numbers which were another patient's are this patient's."""

    patient: Patient
    merged: tuple[Identifier, ...]
    found: Found = field(default=NOTHING, compare=False)


@dataclass(frozen=True, slots=True)
class AppointmentSaid:
    """It tells of the clinic's own appointment with a patient."""

    change: str
    order_numbers: tuple[str, ...]
    appointment_id: str | None
    starts: str | None
    ends: str | None
    status: str | None
    visit: ClinicVisit
    found: Found = field(default=NOTHING, compare=False)


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A person must look; `reason` is a code."""

    reason: str


Reading = (
    Requested
    | CancellationAsked
    | StatusAsked
    | StatusTold
    | Results
    | PatientTold
    | PatientsMerged
    | AppointmentSaid
    | Doubtful
)
