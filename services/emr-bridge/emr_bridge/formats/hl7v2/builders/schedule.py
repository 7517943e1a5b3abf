"""SIU: the appointment that a notice tells of, for EMRs that file bookings."""

from typing import Any

from common.events.referral import Appointment
from emr_bridge.domain.outgoing import Outgoing
from emr_bridge.formats.hl7v2.builders.patient import both_numbers, pid
from emr_bridge.formats.hl7v2.builders.structure import (
    entity,
    escaped,
    fill,
    finished,
    plain_number,
    stamp,
    started,
)
from emr_bridge.formats.hl7v2.crosswalk import Row

KINDS = {
    "delivery": "DELIVERY^Delivery of the drug^L",
    "pickup": "PICKUP^Pick-up of the drug^L",
    "infusion": "INFUSION^Infusion^L",
}

ENTERED_BY = "REFERRALLOOP^Pharmacy"


def schedule(outgoing: Outgoing, appointment: Appointment, row: Row) -> bytes:
    """Return the message; Unbuildable when it would not be valid."""
    message = started(row.message, outgoing)
    fill(message.add_segment("SCH"), _sch(outgoing, appointment, row))
    ends = stamp(appointment.ends_at, outgoing.zone) if appointment.ends_at else ""
    starts = stamp(appointment.starts_at, outgoing.zone)
    fill(message.add_segment("TQ1"), {1: "1", 7: starts, 8: ends})
    fill(message.add_group("SIU_S12_PATIENT").add_segment("PID"), pid(outgoing))
    _resources(message.add_group("SIU_S12_RESOURCES"), outgoing, appointment, row)
    echo = {("PID", 3): both_numbers(outgoing), ("SCH", 26): outgoing.placer}
    return finished(message, outgoing, echo)


def _sch(outgoing: Outgoing, appointment: Appointment, row: Row) -> dict[int, str]:
    status = row.codes["SCH-25"]
    return {
        2: entity(str(appointment.id)),
        6: f"{status.upper()}^{escaped(outgoing.content.title)}^L",
        8: KINDS[appointment.kind],
        16: ENTERED_BY,
        20: ENTERED_BY,
        25: status,
        26: plain_number(outgoing.placer),
        27: entity(str(outgoing.request.referral_id)),
    }


def _resources(group: Any, outgoing: Outgoing, appointment: Appointment, row: Row) -> None:
    starts = stamp(appointment.starts_at, outgoing.zone)
    fill(group.add_segment("RGS"), {1: "1", 2: row.codes["RGS-2"]})
    action = row.codes["AIS-2"]
    service = {1: "1", 2: action, 3: KINDS[appointment.kind], 4: starts}
    fill(group.add_group("SIU_S12_SERVICE").add_segment("AIS"), service)
    if place := outgoing.content.appointment_place:
        where = {1: "1", 2: action, 3: f"^^^{escaped(place)}", 6: starts}
        fill(group.add_group("SIU_S12_LOCATION_RESOURCE").add_segment("AIL"), where)
