"""Which messages are read, and by which module. The one table of supported types."""

from emr_bridge.formats.hl7v2.interpret import order, ref
from emr_bridge.formats.hl7v2.interpret.reading import Doubtful, Reading
from emr_bridge.formats.hl7v2.reader import Message

FAMILIES = {
    "REF": (ref.interpret, frozenset({"I12", "I13", "I14"})),
    "ORM": (order.interpret, frozenset({"O01"})),
    "OMP": (order.interpret, frozenset({"O09"})),
    "RDE": (order.interpret, frozenset({"O11"})),
}

EVENTS = {name: events for name, (_, events) in FAMILIES.items()}
"""MSH-9.1 and the MSH-9.2 that we take with it."""


def interpret(message: Message) -> Reading:
    """Read a message of a supported type; what is no such message is doubtful, never an error."""
    if len(message.all("MSH")) > 1:
        return Doubtful("several_messages")
    name = (message.first("MSH").text(9) or "").upper()
    if name not in FAMILIES:
        return Doubtful("unreadable")
    read, _ = FAMILIES[name]
    return read(message)
