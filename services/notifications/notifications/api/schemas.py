"""What the API says: ids, codes and times. Patient data is only in a notice's content and page."""

from datetime import date
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from common.audit import AuditEntry
from common.events.clinic import PromiseKind
from common.events.notification import ChannelName
from notifications.domain.delivery import DeliveryState
from notifications.domain.promise import PromiseState
from notifications.store.tasks import TaskKind

EXAMPLE_ID = "0192f0c1-7d4e-7b7a-9c39-0f8a5f7f6c11"


class Row(BaseModel):
    """A row as it is told; other columns are ignored."""

    model_config = ConfigDict(from_attributes=True, extra="ignore")


class Delivery(Row):
    """One series of attempts to tell a clinic one notice by one channel."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": EXAMPLE_ID,
                    "notice_id": EXAMPLE_ID,
                    "referral_id": EXAMPLE_ID,
                    "clinic_id": "lakeside",
                    "channel": "fax",
                    "series": 1,
                    "state": "queued",
                    "attempts": 2,
                    "reason": "busy",
                    "code": "CALL_ERROR 17",
                    "late": False,
                    "next_attempt_at": "2026-03-02T15:05:00Z",
                    "created_at": "2026-03-02T15:00:00Z",
                }
            ]
        }
    )

    id: UUID
    notice_id: UUID
    referral_id: UUID
    clinic_id: str
    channel: ChannelName
    series: int = Field(description="1, and one more for each time a person has it sent again")
    state: DeliveryState
    attempts: int
    destination: str | None = Field(default=None, description="Fax number, endpoint or link")
    reason: str | None = Field(
        default=None, description="Why the last attempt or the delivery failed"
    )
    code: str | None = Field(default=None, description="The far side's own code")
    late: bool = Field(description="Confirmed when the clinic had the notice already: not counted")
    next_attempt_at: AwareDatetime
    requested_by: str | None = Field(default=None, description="Who asked for it to be sent again")
    created_at: AwareDatetime
    ended_at: AwareDatetime | None = None


class Attempt(Row):
    """One try of a delivery."""

    id: UUID
    number: int
    started_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    outcome: str | None = Field(default=None, description="`confirmed`, or why it failed")
    code: str | None = None
    gateway_id: str | None = None
    pages_ok: int | None = None
    far_id: str | None = Field(
        default=None, description="How the answering fax machine names itself"
    )


class DeliveryWithAttempts(Delivery):
    """A delivery and each of its attempts."""

    request_reason: str | None = Field(default=None, description="Why it was sent again")
    tries: list[Attempt]


class Deliveries(BaseModel):
    """A page of deliveries, newest first."""

    items: list[Delivery]
    next: str | None = Field(default=None, description="Cursor of the next page")


class Resend(BaseModel):
    """A person's wish to send once more."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"reason": "Front desk says the page never came"}]},
    )

    reason: str = Field(
        min_length=3, max_length=500, description="Kept, sealed, in the audit trail"
    )
    confirm_again: bool = Field(
        default=False, description="Send although the clinic has confirmed that it has the notice"
    )


class Promise(Row):
    """What a clinic is owed by a deadline."""

    id: UUID
    notice_id: UUID
    referral_id: UUID
    clinic_id: str
    kind: PromiseKind
    state: PromiseState
    started_at: AwareDatetime
    at_risk_at: AwareDatetime
    due_at: AwareDatetime
    kept_at: AwareDatetime | None = None
    broken_at: AwareDatetime | None = None
    delivered_at: AwareDatetime | None = Field(
        default=None, description="When the clinic had it; after `due_at` for a broken promise"
    )


class Promises(BaseModel):
    """A page of promises, newest first."""

    items: list[Promise]
    next: str | None = None


class Task(Row):
    """What a person must do."""

    id: UUID
    kind: TaskKind
    state: str = Field(description="open or done")
    clinic_id: str
    referral_id: UUID | None = None
    notice_id: UUID | None = None
    promise_id: UUID | None = None
    delivery_id: UUID | None = None
    created_at: AwareDatetime
    done_at: AwareDatetime | None = None
    done_by: str | None = None


class Done(BaseModel):
    """What a person did about a task."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(
        min_length=3,
        max_length=500,
        description="Kept, sealed, in the audit trail",
        examples=["Told the front desk by phone"],
    )


class Tasks(BaseModel):
    """A page of tasks, newest first."""

    items: list[Task]
    next: str | None = None


class Notice(Row):
    """What a clinic shall be told, without the words: those are patient data."""

    id: UUID
    name: str
    referral_id: UUID
    referral_code: str
    clinic_id: str
    status: str
    waiting_on: str
    appointment: dict[str, Any] | None = None
    happened_at: AwareDatetime
    created_at: AwareDatetime
    confirmed_at: AwareDatetime | None = None
    confirmed_by: UUID | None = Field(default=None, description="The delivery that told the clinic")
    superseded_by: UUID | None = Field(default=None, description="The newer notice sent instead")


class Patient(BaseModel):
    """Whom the notice is about."""

    family_name: str
    given_names: tuple[str, ...] = ()
    birth_date: date | None = None


class Content(BaseModel):
    """The words of a notice. Patient data: whoever reads this must be allowed to."""

    title: str
    addressed_to: str
    clinic_name: str
    referral_code: str
    patient: Patient | None
    medication: str
    happened: str
    next_step: str
    who_acts: str
    by_when: str | None
    items: tuple[str, ...]
    appointment_place: str | None = None


class Replay(BaseModel):
    """Why webhooks are sent again."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(
        min_length=3,
        max_length=500,
        description="Kept, sealed, in the audit trail",
        examples=["Endpoint was down from 3 to 4 PM"],
    )


class Replayed(BaseModel):
    """How many webhook deliveries began again."""

    begun: int


class AuditEntries(BaseModel):
    """A page of entries, newest first."""

    items: list[AuditEntry]
    next: str | None = Field(default=None, description="Cursor of the next page")
