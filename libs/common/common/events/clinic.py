"""What intake publishes of clinics (topic `clinic.events`, compacted by clinic id)."""

from datetime import date, time, timedelta
from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import ConfigDict, Field

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


class Hl7Dialect(Fact):
    """How one EMR speaks HL7 v2 where EMRs differ; every default is what most of them do.

    Lists that are empty let everything pass. Codes are HL7's (tables 0103, 0155, 0008).
    """

    model_config = ConfigDict(use_attribute_docstrings=True)

    acknowledgement: Literal["by-header", "original", "enhanced", "accept-only"] = "by-header"
    """How we answer: by MSH-15 and MSH-16, always AA, by table 0155 to the letter, or CA alone."""
    application_ack_out: Literal["link", "connection", "never"] = "link"
    """Where our application ACK goes that MSH-16 asks for beside CA."""
    processing_ids: tuple[Literal["P", "T", "D", "N", "V"], ...] = ()
    """MSH-11 as accepted; empty leaves it to the service's own setting."""
    versions: tuple[str, ...] = ()
    """MSH-12 as accepted."""
    unknown_types: Literal["refuse", "accept"] = "refuse"
    """A message type that we do not read: AR or CR with 200 or 201, or kept with AA."""
    reused_control_id: Literal["refuse", "accept"] = "refuse"
    """MSH-10 again with other bytes: AE or CE with 205, or kept as a new message."""
    batches: bool = False
    """Whether FHS and BHS batches are taken over MLLP, each message with an ACK in one batch."""
    tls: bool = False
    """Whether we speak TLS to `host` and `port`."""
    client_certificate: str | None = None
    """What the EMR must show: a name in its certificate (SAN or CN), or `sha256:` and 64 digits."""
    allowed_addresses: tuple[str, ...] = ()
    """Networks (CIDR) from which its messages may come."""
    max_connections: int | None = None
    """How many connections it may hold open; None leaves it to the service's own limit."""
    max_message_bytes: int | None = None
    """Its largest message; None leaves it to the service's own limit."""

    profile: Literal["default", "oru", "mdm", "rri", "osu"] = "default"
    """In which messages it takes our notices."""
    appointments: bool = True
    """Whether appointments are also sent as SIU."""
    hl7_version: str = "2.5.1"
    """MSH-12 of what we send."""
    nack: Literal["by-definition", "e-final", "r-final", "hold-link"] = "by-definition"
    """What a refusal without an error code means."""
    application_ack: bool = False
    """Whether CA is not the end: AA must follow."""
    in_flight: int = 1
    """How many messages may be on their way at a time."""

    overrides: dict[str, str] = Field(default_factory=dict)
    """Where it writes something in another field than the standard says."""
    code_sets: dict[str, dict[str, str]] = Field(default_factory=dict)
    """Its local codes, per table, and what they are in ours."""


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
    dialect: Hl7Dialect = Hl7Dialect()

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
