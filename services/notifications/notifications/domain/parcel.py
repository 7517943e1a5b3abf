"""A notice on its way to one destination: all that a channel needs, and nothing of storage."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from common.events.referral import Appointment
from notifications.domain.notice import Letter


@dataclass(frozen=True, slots=True)
class Parcel:
    """One attempt's content. `attempt_id` and `delivery_id` let the far side be asked about it."""

    attempt_id: UUID
    delivery_id: UUID
    notice_id: UUID
    referral_id: UUID
    clinic_id: str
    event_type: str
    referral_status: str
    waiting_on: str
    happened_at: datetime
    appointment: Appointment | None
    destination: str
    time_zone: str
    letter: Letter = field(repr=False)
    secret: str | None = field(default=None, repr=False)
