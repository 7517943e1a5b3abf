"""A notice in the profile of its link; and the booking beside it."""

from collections.abc import Callable, Mapping

from emr_bridge.domain.outgoing import Outgoing, Profile
from emr_bridge.formats.hl7v2.builders import words
from emr_bridge.formats.hl7v2.builders.document import document
from emr_bridge.formats.hl7v2.builders.order_status import order_status
from emr_bridge.formats.hl7v2.builders.referral_info import referral_info
from emr_bridge.formats.hl7v2.builders.refusals import Unbuildable
from emr_bridge.formats.hl7v2.builders.report import report
from emr_bridge.formats.hl7v2.builders.schedule import schedule
from emr_bridge.formats.hl7v2.crosswalk import Row, row_of

BUILDERS: Mapping[Profile, Callable[[Outgoing, Row], bytes]] = {
    "oru": report,
    "mdm": document,
    "rri": referral_info,
    "osu": order_status,
}


def build_report(outgoing: Outgoing) -> bytes:
    """Return the readable message of a notice; Unbuildable when it would not be valid."""
    row = words.row(outgoing)
    return BUILDERS[row.profile](outgoing, row)


def booking(outgoing: Outgoing) -> bytes:
    """Return the booking (SIU) of a notice with an appointment; Unbuildable when there is none."""
    row, appointment = row_of(outgoing.milestone, "siu"), outgoing.request.appointment
    if row is None or appointment is None:
        raise Unbuildable(["SCH"])
    return schedule(outgoing, appointment, row)


def is_booked(notice: str) -> bool:
    """Tell whether a notice of that name has a booking beside it."""
    return row_of(notice, "siu") is not None
