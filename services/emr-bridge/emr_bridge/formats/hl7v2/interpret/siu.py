"""SIU: the clinic's own appointments with a patient (HL7 v2.5.1, chapter 10). Information only.

Places in the order in which they are believed; before 2.5 the time is in SCH-11.
"""

from collections.abc import Mapping
from functools import partial

from common.events.submission import ClinicVisit
from emr_bridge.formats.hl7v2.interpret import compose
from emr_bridge.formats.hl7v2.interpret.fields.values import coded_text, moment_of, name_of
from emr_bridge.formats.hl7v2.interpret.overrides import Overrides
from emr_bridge.formats.hl7v2.interpret.reading import AppointmentSaid, Doubtful, Reading
from emr_bridge.formats.hl7v2.interpret.sources import Sources
from emr_bridge.formats.hl7v2.interpret.triggers import Interpreter
from emr_bridge.formats.hl7v2.message import Message, Value

CHANGES: Mapping[str, str] = {
    "S12": "booked",
    "S13": "rescheduled",
    "S14": "modified",
    "S15": "cancelled",
    "S16": "discontinued",
    "S17": "deleted",
    "S26": "missed",
}

ORDER = (("SCH", 26), ("ORC", 2), ("SCH", 27))
"""The referral's number: the placer's order, else ours."""

APPOINTMENT = (("SCH", 2), ("SCH", 1))
"""The appointment's own number: filler's, else placer's."""

STARTS = (("TQ1", 7, 1), ("SCH", 11, 4), ("AIS", 4, 1), ("AIG", 8, 1), ("AIL", 6, 1), ("AIP", 6, 1))
ENDS = (("TQ1", 8, 1), ("SCH", 11, 5))
STATUS = (("SCH", 25),)
PLACE = (("AIL", 3), ("PV1", 3))
PROVIDER = (("AIP", 3), ("PV1", 7), ("SCH", 16))
REASON = (("SCH", 7), ("SCH", 6), ("AIS", 3))


def _interpret(message: Message, overrides: Overrides, *, change: str) -> Reading:
    sources = Sources()

    def values(places: tuple[tuple[str, int], ...]) -> list[Value]:
        return [v for name, number in places for s in message.all(name) for v in s.values(number)]

    orders = [*values(ORDER)]
    own = [one.value for one in overrides.order_numbers(message, sources)]
    sources.note("/order_numbers", *orders)
    order_numbers = tuple(dict.fromkeys([*own, *filter(None, (v.component(1) for v in orders))]))
    appointment_id = sources.text("/appointment_id", values(APPOINTMENT))
    if not order_numbers and appointment_id is None:
        return Doubtful("appointment_without_number")
    visit = ClinicVisit(
        place=sources.take("/place", values(PLACE), _location),
        provider=sources.take("/provider", values(PROVIDER), partial(name_of, first=2)),
        reason=sources.take("/reason", values(REASON), coded_text),
    )
    return AppointmentSaid(
        change=change,
        order_numbers=order_numbers,
        appointment_id=appointment_id,
        starts=_moment(message, "/starts", STARTS, sources),
        ends=_moment(message, "/ends", ENDS, sources),
        status=sources.text("/status", values(STATUS)),
        visit=visit,
        found=compose.found(message, overrides, sources),
    )


def _location(value: Value) -> str | None:
    """Read PL: its description, else facility, point of care, room."""
    parts = (value.component(4), value.component(1), value.component(2))
    return value.component(9) or " ".join(part for part in parts if part) or None


def _moment(
    message: Message, pointer: str, places: tuple[tuple[str, int, int], ...], sources: Sources
) -> str | None:
    for name, number, component in places:
        for segment in message.all(name):
            value = segment.value(number)
            if moment := moment_of(value.component(component)):
                sources.note(pointer, value, component=component if component > 1 else 0)
                return moment
    return None


TRIGGERS: Mapping[str, Interpreter] = {
    trigger: partial(_interpret, change=change) for trigger, change in CHANGES.items()
}
MEANINGS: Mapping[str, str] = {
    trigger: f"the clinic's own appointment was {change}: told in the timeline"
    for trigger, change in CHANGES.items()
}
