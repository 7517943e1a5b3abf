"""SIU: the appointment that a notice tells of, for EMRs that file bookings."""

from dataclasses import dataclass
from typing import Any

from common.events.referral import Appointment
from emr_bridge.domain.outgoing import Outgoing
from emr_bridge.formats.hl7v2.builders.patient import pid
from emr_bridge.formats.hl7v2.builders.structure import (
    entity,
    escaped,
    fill,
    finished,
    plain_number,
    stamp,
    started,
)


@dataclass(frozen=True, slots=True)
class Booking:
    """What SIU says has happened: trigger, SCH-25 (table 0278), RGS-2 and AIS-2 (table 0206)."""

    trigger: str
    status: str
    action: str


BOOKED = Booking("S12", "Booked", "A")

BY_NOTICE = {
    "appointment_rescheduled": Booking("S13", "Booked", "U"),
    "appointment_cancelled": Booking("S15", "Cancelled", "D"),
    "appointment_missed": Booking("S26", "Noshow", "D"),
}
"""By the notice's name; every other notice with an appointment says that it is booked."""

KINDS = {
    "delivery": "DELIVERY^Delivery of the drug^L",
    "pickup": "PICKUP^Pick-up of the drug^L",
    "infusion": "INFUSION^Infusion^L",
}

ENTERED_BY = "REFERRALLOOP^Pharmacy"


def schedule(outgoing: Outgoing, appointment: Appointment) -> bytes:
    """Return the message; Unbuildable when it would not be valid."""
    booking = BY_NOTICE.get(outgoing.request.notice, BOOKED)
    message = started(f"SIU^{booking.trigger}^SIU_S12", outgoing)
    fill(message.add_segment("SCH"), _sch(outgoing, appointment, booking))
    ends = stamp(appointment.ends_at) if appointment.ends_at else ""
    fill(message.add_segment("TQ1"), {1: "1", 7: stamp(appointment.starts_at), 8: ends})
    fill(message.add_group("SIU_S12_PATIENT").add_segment("PID"), pid(outgoing))
    _resources(message.add_group("SIU_S12_RESOURCES"), outgoing, appointment, booking)
    echo = {("PID", 3): outgoing.patient_ids, ("SCH", 26): outgoing.placer}
    return finished(message, outgoing, echo)


def _sch(outgoing: Outgoing, appointment: Appointment, booking: Booking) -> dict[int, str]:
    return {
        2: entity(str(appointment.id)),
        6: f"{booking.status.upper()}^{escaped(outgoing.content.title)}^L",
        8: KINDS[appointment.kind],
        16: ENTERED_BY,
        20: ENTERED_BY,
        25: booking.status,
        26: plain_number(outgoing.placer),
        27: entity(str(outgoing.request.referral_id)),
    }


def _resources(group: Any, outgoing: Outgoing, appointment: Appointment, booking: Booking) -> None:
    starts = stamp(appointment.starts_at)
    fill(group.add_segment("RGS"), {1: "1", 2: booking.action})
    service = {1: "1", 2: booking.action, 3: KINDS[appointment.kind], 4: starts}
    fill(group.add_group("SIU_S12_SERVICE").add_segment("AIS"), service)
    if place := outgoing.content.appointment_place:
        where = {1: "1", 2: booking.action, 3: f"^^^{escaped(place)}", 6: starts}
        fill(group.add_group("SIU_S12_LOCATION_RESOURCE").add_segment("AIL"), where)
