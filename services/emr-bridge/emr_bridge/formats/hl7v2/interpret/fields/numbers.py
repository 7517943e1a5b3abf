"""What the sender calls the order and the patient: by these numbers both sides find it again."""

from collections.abc import Iterator, Sequence

from common.events.submission import Identifier
from emr_bridge.formats.hl7v2.interpret.fields.patient import is_secret
from emr_bridge.formats.hl7v2.interpret.fields.values import date_of
from emr_bridge.formats.hl7v2.interpret.sources import Sources
from emr_bridge.formats.hl7v2.message import Message, Value
from emr_bridge.formats.hl7v2.separators import Separators, standard

PLACES = (("RF1", 6, "PLAC"), ("ORC", 2, "PLAC"), ("OBR", 2, "PLAC"), ("ORC", 4, "GPN"))
"""Originating referral, placer order, and placer group number, as trusted; with table 0203's type."""


def read(message: Message, sources: Sources | None = None) -> tuple[Identifier, ...]:
    """Return the sender's numbers; MSH-10 only where there is no other."""
    found = order_numbers(message, sources)
    control_id = message.first("MSH").text(10)
    if not found and control_id:
        if sources:
            sources.note("/external_ids/0", message.first("MSH").value(10))
        return (Identifier(value=control_id, system="MSH-10"),)
    return found


def order_numbers(message: Message, sources: Sources | None = None) -> tuple[Identifier, ...]:
    """Return the order's numbers, each once."""
    found: dict[str, Identifier] = {}
    sources = sources or Sources()
    for kind, value in _values(message):
        if number := value.component(1):
            system = value.component(2) or value.component(3)
            if number not in found:
                sources.note(f"/external_ids/{len(found)}", value)
            found.setdefault(number, Identifier(value=number, system=system, type=kind))
    return tuple(found.values())


def placer(message: Message, named: Sequence[Identifier] = ()) -> str:
    """Return the best number's whole field as sent, in standard separators; empty without one.

    `named` is a number that stands elsewhere by the link's own account.
    """
    if named:
        parts = (Separators().escaped(part) for part in (named[0].value, named[0].system or ""))
        return "^".join(parts).rstrip("^")
    fields = (value for _, value in _values(message) if value.component(1))
    return next((standard(value.raw, value.separators) for value in fields), "")


def patient_ids(message: Message) -> str:
    """Return PID-3 as sent, in standard separators; PID-2 of those who never filled it.

    Numbers that are nobody's business (social security) are left out: what is kept here is echoed.
    """
    pid = message.first("PID")
    values = [value for value in pid.values(3) or pid.values(2) if not is_secret(value)]
    return "~".join(standard(value.raw, value.separators) for value in values)


def _values(message: Message) -> Iterator[tuple[str, Value]]:
    """Yield each number's kind and field; RF1-6 holds a date as often as a number."""
    for name, number, kind in PLACES:
        for segment in message.all(name):
            value = segment.value(number)
            if not (name == "RF1" and date_of(value.component(1))):
                yield kind, value
