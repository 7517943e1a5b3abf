"""What emr-bridge publishes (topic `emr.events`): messages received, what they ask for, deliveries."""

from typing import ClassVar, Literal
from uuid import UUID

from common.events.envelope import Event
from common.events.submission import Submission

Verdict = Literal["refused", "unreachable", "withdrawn", "unbuildable", "no_link"]


class EmrEvent(Event):
    """Something passed between an EMR and us."""

    topic: ClassVar[str] = "emr.events"
    source: ClassVar[str] = "/services/emr-bridge"


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


class ReferralSubmitted(EmrEvent):
    """A message was read as a referral; the sealed submission says of whom and for what."""

    type: ClassVar[str] = "emr.referral_submitted.v1"
    seals = Submission

    message_id: UUID
    sender: str
    clinic_id: str | None = None
    link_id: str | None = None
    message_type: str

    @property
    def subject(self) -> str:
        """The sender, so that one sender's messages keep their order."""
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
