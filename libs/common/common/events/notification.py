"""What notifications publishes (topic `notification.events`, key = referral id)."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime

from common.events.clinic import PromiseKind
from common.events.envelope import Event, Fact
from common.events.people import PatientCard
from common.events.referral import Appointment

ChannelName = Literal["emr", "webhook", "fax", "console"]


class NotificationEvent(Event):
    """Something about what a clinic is told of one referral."""

    topic: ClassVar[str] = "notification.events"
    source: ClassVar[str] = "/services/notifications"

    referral_id: UUID
    clinic_id: str

    @property
    def subject(self) -> str:
        """The referral."""
        return str(self.referral_id)


class PromiseEvent(NotificationEvent):
    """A promise began, or its fate changed."""

    promise_id: UUID
    kind: PromiseKind
    notice_id: UUID | None = None
    started_at: AwareDatetime
    due_at: AwareDatetime


class Promised(PromiseEvent):
    """A clinic is owed a notice by `due_at`."""

    type: ClassVar[str] = "notification.promised.v1"


class PromiseKept(PromiseEvent):
    """The notice was confirmed in time."""

    type: ClassVar[str] = "promise.kept.v1"

    kept_at: AwareDatetime


class PromiseAtRisk(PromiseEvent):
    """Three quarters of the time are gone without a confirmation."""

    type: ClassVar[str] = "promise.at_risk.v1"


class PromiseBroken(PromiseEvent):
    """The time ran out without a confirmation: a person must act."""

    type: ClassVar[str] = "promise.broken.v1"


class DeliveryEvent(NotificationEvent):
    """A delivery of one notice by one channel ended."""

    delivery_id: UUID
    notice_id: UUID
    notice: str
    channel: ChannelName
    attempts: int


class NoticeDelivered(DeliveryEvent):
    """The far side confirmed that it has the notice."""

    type: ClassVar[str] = "notification.delivered.v1"

    confirmed_at: AwareDatetime


class DeliveryFailed(DeliveryEvent):
    """One channel gave up; `next_channel` goes on, or a person must (`needs_person`)."""

    type: ClassVar[str] = "notification.failed.v1"

    reason_class: str
    failure_code: str | None = None
    next_channel: ChannelName | None = None
    needs_person: bool = False


class NoticeContent(Fact):
    """What an EMR message says; it travels sealed."""

    addressed_to: str
    title: str
    lines: tuple[str, ...]
    patient: PatientCard
    appointment_place: str | None = None


class EmrDeliveryRequested(NotificationEvent):
    """Asks emr-bridge to send a notice over the clinic's link and to report what became of it."""

    type: ClassVar[str] = "notification.emr_delivery_requested.v1"
    seals = NoticeContent

    delivery_id: UUID
    notice_id: UUID
    notice: str
    referral_code: str
    referral_status: str
    happened_at: AwareDatetime
    appointment: Appointment | None = None


class EmrDeliveryWithdrawn(NotificationEvent):
    """Asks emr-bridge not to send, or not to send again, what it was asked for."""

    type: ClassVar[str] = "notification.emr_delivery_withdrawn.v1"

    delivery_id: UUID
