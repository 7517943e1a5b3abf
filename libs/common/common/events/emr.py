"""What emr-bridge publishes (topic `emr.events`): messages received, what they ask for, deliveries."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from common.events.envelope import Event, Fact
from common.events.submission import ClinicVisit, PaperPart, PatientMerge, Submission

Verdict = Literal["refused", "unreachable", "withdrawn", "unbuildable", "no_link"]


class EmrEvent(Event):
    """Something passed between an EMR and us."""

    topic: ClassVar[str] = "emr.events"
    source: ClassVar[str] = "/services/emr-bridge"


class Paper(Fact):
    """A document that stood in a message; its bytes come before, in as many parts."""

    number: int
    media_type: str
    size: int
    sha256: str
    parts: int


class Interpreted(EmrEvent):
    """What a message was read as. Places and pointers tell where values stood, never what they are."""

    message_id: UUID
    sender: str
    clinic_id: str | None = None
    message_type: str
    places: dict[str, str] = Field(
        default_factory=dict, description="By JSON pointer of the submission: `PID[1]-5`"
    )
    deleted: tuple[str, ...] = Field(
        default=(), description='Pointers of values that the sender deletes (`""`)'
    )
    repairs: tuple[str, ...] = Field(default=(), description="What had to be mended to read it")
    papers: tuple[Paper, ...] = ()

    @property
    def subject(self) -> str:
        """The sender, so that one sender's messages keep their order."""
        return self.sender


class MessageReceived(EmrEvent):
    """A message is kept as it came (MLLP: before its ACK). `sender` is MSH-3|MSH-4."""

    type: ClassVar[str] = "emr.message_received.v1"

    message_id: UUID
    sender: str
    link_id: str | None = None
    message_type: str
    control_id: str

    @property
    def subject(self) -> str:
        """The sender."""
        return self.sender


class ReferralSubmitted(Interpreted):
    """A message was read as a referral; the sealed submission says of whom and for what.

    `purpose` is change when the sender changes what it sent before.
    """

    type: ClassVar[str] = "emr.referral_submitted.v1"
    seals = Submission

    link_id: str | None = None
    purpose: Literal["new", "change"] = "new"


class DocumentsSubmitted(Interpreted):
    """Results and documents of a patient; the sealed submission holds numbers, labs and notes."""

    type: ClassVar[str] = "emr.documents_submitted.v1"
    seals = Submission


class PatientUpdated(Interpreted):
    """Who a patient is and how insured, as the clinic has it now; nothing of an order."""

    type: ClassVar[str] = "emr.patient_updated.v1"
    seals = Submission


class PatientMerged(Interpreted):
    """Two of the clinic's patient numbers are one person's."""

    type: ClassVar[str] = "emr.patient_merged.v1"
    seals = PatientMerge


class AppointmentTold(Interpreted):
    """The clinic's own appointment with the patient; ours is not touched by it.

    Times are ISO 8601; without an offset they are the clinic's own.
    """

    type: ClassVar[str] = "emr.appointment_told.v1"
    seals = ClinicVisit

    change: Literal[
        "booked", "rescheduled", "modified", "cancelled", "discontinued", "deleted", "missed"
    ]
    order_numbers: tuple[str, ...] = ()
    appointment_id: str | None = None
    starts: str | None = None
    ends: str | None = None
    status: str | None = None


class OrderStatusTold(Interpreted):
    """A partner tells where an order stands with it (ORC-1, ORC-5); ours does not move by it."""

    type: ClassVar[str] = "emr.order_status_told.v1"

    external_id: str
    control: str
    status: str | None = None


class StatusRequested(Interpreted):
    """The clinic asks where a referral stands (REF^I15)."""

    type: ClassVar[str] = "emr.status_requested.v1"

    external_id: str


class DocumentPart(EmrEvent):
    """A piece of a document, small enough for a record; the event that names the document follows."""

    type: ClassVar[str] = "emr.document_part.v1"
    seals = PaperPart

    message_id: UUID
    sender: str
    number: int
    part: int

    @property
    def subject(self) -> str:
        """The sender."""
        return self.sender


class CancellationSubmitted(EmrEvent):
    """A message asks to cancel what an earlier one asked for, named by the sender's own number."""

    type: ClassVar[str] = "emr.cancellation_submitted.v1"

    message_id: UUID
    sender: str
    clinic_id: str | None = None
    external_id: str

    @property
    def subject(self) -> str:
        """The sender."""
        return self.sender


class ReviewRequested(EmrEvent):
    """A message is kept but cannot be read as what it claims to be: a person must look."""

    type: ClassVar[str] = "emr.review_requested.v1"

    message_id: UUID
    sender: str
    clinic_id: str | None = None
    message_type: str
    reason: str

    @property
    def subject(self) -> str:
        """The sender."""
        return self.sender


class MessageDelivered(EmrEvent):
    """A clinic's EMR took a notice and said so (AA or CA by the link's policy)."""

    type: ClassVar[str] = "emr.message_delivered.v1"

    delivery_id: UUID
    referral_id: UUID
    control_id: str
    acknowledgement: str
    attempts: int

    @property
    def subject(self) -> str:
        """The referral."""
        return str(self.referral_id)


class MessageNotDelivered(EmrEvent):
    """A notice will not be sent, or not sent again, to the clinic's EMR."""

    type: ClassVar[str] = "emr.message_not_delivered.v1"

    delivery_id: UUID
    referral_id: UUID
    verdict: Verdict
    code: str | None = None
    attempts: int

    @property
    def subject(self) -> str:
        """The referral."""
        return str(self.referral_id)
