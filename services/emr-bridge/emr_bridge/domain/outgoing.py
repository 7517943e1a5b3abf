"""A notice on its way to a clinic's EMR: what it is made of and where it stands."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal
from zoneinfo import ZoneInfo

from common.events.notification import EmrDeliveryRequested, NoticeContent
from emr_bridge.domain.link import Link


class OutState(StrEnum):
    """Where an outbound message stands."""

    WAITING = "waiting"
    SENDING = "sending"
    COMMITTED = "committed"
    """CA came; the application's answer (AA) is still to come."""
    DELIVERED = "delivered"
    PARKED = "parked"
    """Refused for a reason that does not pass: a person mends, replays or gives it up."""
    REFUSED = "refused"
    """Parked, and given up by a person."""
    UNREACHABLE = "unreachable"
    WITHDRAWN = "withdrawn"
    UNBUILDABLE = "unbuildable"
    NO_LINK = "no_link"
    GIVEN_UP = "given_up"
    """An appointment message whose report did not get through."""


OPEN = (OutState.WAITING, OutState.SENDING)
"""Something of it is still to be put on the wire."""

UNSETTLED = (*OPEN, OutState.COMMITTED, OutState.PARKED)
"""It may yet be delivered, by us or by what a person does."""

REPORT = "report"
"""The readable message: the delivery's fate is its fate."""

APPOINTMENT = "appointment"
"""The booking (SIU), for those who file it; sent after the report, its fate is only recorded."""

Profile = Literal["oru", "mdm", "rri", "osu", "siu"]
"""In which message a notice is told; `siu` is the one beside it."""


@dataclass(frozen=True, slots=True)
class Us:
    """How we call ourselves: MSH-3, MSH-4, and the pharmacy as a provider of care (PRD `RT`)."""

    application: str = "REFERRALLOOP"
    facility: str = "PHARMACY"
    name: str = "Specialty Pharmacy"
    phone: str | None = None
    fax: str | None = None
    npi: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """The message that the referral came by: what our answers say of it."""

    message_type: str
    """MSH-9 as `REF^I12`."""
    control_id: str
    profile_id: str = ""
    """MSH-21, such as `360X`."""
    referrer: str = ""
    """The PRD segment of the referring provider, in standard separators."""
    cancel_asked: bool = False
    """The clinic has asked to cancel the referral since."""
    wants_answer: bool = False
    """It asked for an application acknowledgement (MSH-16), which RRI is for REF."""


STATUS_ASKED = {
    "active": "_active",
    **dict.fromkeys(("declined", "transferred", "cancelled", "discontinued"), "_ended"),
}
"""How the answer to a question is told apart by the referral's status; the rest is under way."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Everything that a message to an EMR says."""

    control_id: str
    made_at: datetime
    us: Us
    link: Link
    request: EmrDeliveryRequested
    content: NoticeContent
    placer: str = ""
    patient_ids: str = ""
    provider: str = ""
    source: Source | None = None
    booked_before: datetime | None = None
    """When the appointment was to begin by what this EMR was told last."""

    @property
    def zone(self) -> ZoneInfo:
        """The clinic's time zone: an EMR shows times as they stand."""
        return ZoneInfo(self.link.time_zone)

    @property
    def profile(self) -> Profile:
        """In which message the notice is told.

        RRI answers a REF and OSU an order with a number; a referral that came by another way is
        reported on instead.
        """
        asked = self.link.dialect.profile
        if asked == "rri" and self.source and self.source.message_type.startswith("REF"):
            return "rri"
        if asked == "osu" and self.placer:
            return "osu"
        return "mdm" if asked == "mdm" else "oru"

    @property
    def milestone(self) -> str:
        """What has happened, as the crosswalk names it: the notice, told apart where codes differ."""
        notice, booked = self.request.notice, self.request.appointment
        if notice == "referral_cancelled" and self.source and self.source.cancel_asked:
            return "cancellation_confirmed"
        if (
            notice == "appointment_rescheduled"
            and booked
            and booked.starts_at == self.booked_before
        ):
            return "appointment_changed"
        if notice == "status_reported":
            return notice + STATUS_ASKED.get(self.request.referral_status, "")
        return notice
