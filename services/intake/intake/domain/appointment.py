"""A date for the patient: a delivery, a pick-up or an infusion."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from common.errors import FieldError, Invalid
from common.events.referral import Appointment as AppointmentFact

Kind = Literal["delivery", "pickup", "infusion"]


class AppointmentState(StrEnum):
    """What became of a date."""

    BOOKED = "booked"
    MISSED = "missed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """What was booked; `place` is people's data."""

    id: UUID
    kind: Kind
    starts_at: datetime
    ends_at: datetime | None = None
    place: str | None = None
    state: AppointmentState = AppointmentState.BOOKED

    def __post_init__(self) -> None:
        """Refuse a date that ends before it begins."""
        if self.ends_at is not None and self.ends_at < self.starts_at:
            raise Invalid(
                "an appointment cannot end before it starts",
                errors=[FieldError("/ends_at", "is before starts_at")],
            )

    def moved(
        self, *, starts_at: datetime, ends_at: datetime | None, place: str | None
    ) -> "Appointment":
        """Return the same appointment at another time; without a new place, at the same one."""
        return replace(
            self,
            starts_at=starts_at,
            ends_at=ends_at,
            place=place or self.place,
            state=AppointmentState.BOOKED,
        )

    def missed(self) -> "Appointment":
        """Return the appointment at which the patient was not."""
        return replace(self, state=AppointmentState.MISSED)

    def cancelled(self) -> "Appointment":
        """Return the appointment given up."""
        return replace(self, state=AppointmentState.CANCELLED)

    def fact(self) -> AppointmentFact:
        """Return what an event tells of it in the clear."""
        return AppointmentFact(
            id=self.id, kind=self.kind, starts_at=self.starts_at, ends_at=self.ends_at
        )
