"""A notice on its way to a clinic's EMR: what it is made of and where it stands."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from common.events.notification import EmrDeliveryRequested, NoticeContent
from emr_bridge.domain.link import Link


class OutState(StrEnum):
    """Where an outbound message stands."""

    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    WITHDRAWN = "withdrawn"
    UNBUILDABLE = "unbuildable"
    NO_LINK = "no_link"
    GIVEN_UP = "given_up"
    """An appointment message whose report did not get through."""


OPEN = (OutState.WAITING, OutState.SENDING)

REPORT = "report"
"""The readable message (ORU): the delivery's fate is its fate."""

APPOINTMENT = "appointment"
"""The booking (SIU), for those who file it; sent after the report, its fate is only recorded."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Everything that a message to an EMR says."""

    control_id: str
    made_at: datetime
    own: tuple[str, str]
    link: Link
    request: EmrDeliveryRequested
    content: NoticeContent
    placer: str = ""
    patient_ids: str = ""
    provider: str = ""
