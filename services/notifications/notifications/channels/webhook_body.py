"""What is posted to a webhook: ids, codes and where to read more. Nobody's name travels in it."""

from datetime import datetime
from typing import Annotated, get_args
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

from common.events.referral import WaitingOn
from notifications.domain.parcel import Parcel
from notifications.domain.telling import PENDING, TOLD

PENDING_TYPE = "prior_authorization.pending"


def bare(event_type: str) -> str:
    """Return an event's type without its version."""
    return event_type.rpartition(".v")[0]


TYPES = (*(bare(event.type) for event in TOLD), PENDING_TYPE)
"""Every type that is posted; others may come."""

Moment = Annotated[AwareDatetime, PlainSerializer(datetime.isoformat, return_type=str)]


class WebhookData(BaseModel):
    """Which update of which referral; its words and its patient are read at `url`."""

    model_config = ConfigDict(frozen=True)

    referral_id: UUID
    referral_code: str = Field(examples=["7F3KQ2"])
    clinic_id: str = Field(examples=["lakeside"])
    notice_id: UUID = Field(description="The same for every channel that tells of this update")
    notice: str = Field(examples=["referral_scheduled"])
    status: str = Field(description="Where the referral stands", examples=["scheduled"])
    waiting_on: str = Field(
        description=f"Who must act next: one of {', '.join(get_args(WaitingOn))}",
        examples=["patient"],
    )
    url: str = Field(description="Where the referral is read")


class WebhookBody(BaseModel):
    """One update, as it is posted."""

    model_config = ConfigDict(frozen=True)

    type: str = Field(
        description=f"One of {', '.join(TYPES)}; others may come", examples=[TYPES[0]]
    )
    timestamp: Moment = Field(description="When it happened, not when it is posted")
    data: WebhookData


def type_of(parcel: Parcel) -> str:
    """Return the webhook's type: the event's name without its version."""
    if parcel.letter.notice.name == PENDING:
        return PENDING_TYPE
    return bare(parcel.event_type)


def body_of(parcel: Parcel, *, referral_url: str) -> WebhookBody:
    """Return what is posted of a notice."""
    data = {
        "referral_id": parcel.referral_id,
        "referral_code": parcel.letter.notice.referral_code,
        "clinic_id": parcel.clinic_id,
        "notice_id": parcel.notice_id,
        "notice": parcel.letter.notice.name,
        "status": parcel.referral_status,
        "waiting_on": parcel.waiting_on,
        "url": referral_url.format(referral_id=parcel.referral_id),
    }
    return WebhookBody.model_validate(
        {"type": type_of(parcel), "timestamp": parcel.happened_at, "data": data}
    )
