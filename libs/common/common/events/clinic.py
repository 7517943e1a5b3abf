"""What intake publishes of clinics (topic `clinic.events`, compacted by clinic id)."""

from datetime import date, time, timedelta
from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import Field

from common.events.envelope import Event, Fact
from common.events.people import ClinicCard

CHANNELS = ("emr", "webhook", "fax", "console")


class PromiseKind(StrEnum):
    """What a clinic is owed by a deadline."""

    REFERRAL_RECEIVED = "referral_received"
    INFORMATION_NEEDED = "information_needed"
    PRIOR_AUTHORIZATION_STATUS = "prior_authorization_status"
    APPOINTMENT = "appointment"
    OUTCOME = "outcome"


class PromiseTerm(Fact):
    """How long we may take, and whether the clock runs only while the clinic is open."""

    within: timedelta
    business_hours: bool = False


class OpeningHours(Fact):
    """When the clinic is open on one weekday (0 = Monday), in its own time zone."""

    weekday: int = Field(ge=0, le=6)
    opens: time
    closes: time


class FaxNumber(Fact):
    """A fax number (E.164). Only a verified one is ever sent to."""

    number: str
    verified_on: date | None = None


def sender_key(application: str, facility: str) -> str:
    """Return MSH-3 and MSH-4 in one comparable text; case and outer blanks do not count."""
    return f"{application.strip().casefold()}|{facility.strip().casefold()}"


class Hl7Link(Fact):
    """How a clinic's EMR is reached over MLLP and how its messages are recognised (MSH-3, MSH-4)."""

    id: str
    sending_application: str
    sending_facility: str
    host: str | None = None
    port: int | None = None
    charset: str = "utf-8"
    receiving_application: str | None = None
    receiving_facility: str | None = None

    @property
    def sender_key(self) -> str:
        """By what a message's sender is recognised as this link's."""
        return sender_key(self.sending_application, self.sending_facility)


class ClinicChanged(Event):
    """A clinic was registered, or one of its facts changed; the event holds all of it."""

    type: ClassVar[str] = "clinic.changed.v1"
    topic: ClassVar[str] = "clinic.events"
    source: ClassVar[str] = "/services/intake"
    seals = ClinicCard

    clinic_id: str
    version: int
    name: str
    npi: str | None = None
    time_zone: str = "UTC"
    opening_hours: tuple[OpeningHours, ...] = ()
    holidays: tuple[date, ...] = ()
    channels: tuple[Literal["emr", "webhook", "fax", "console"], ...] = ()
    fax_numbers: tuple[FaxNumber, ...] = ()
    webhook_url: str | None = None
    hl7_links: tuple[Hl7Link, ...] = ()
    promises: dict[PromiseKind, PromiseTerm] = Field(default_factory=dict)
    baa_signed_on: date | None = None
    onboarded_on: date | None = None

    @property
    def subject(self) -> str:
        """The clinic."""
        return self.clinic_id
