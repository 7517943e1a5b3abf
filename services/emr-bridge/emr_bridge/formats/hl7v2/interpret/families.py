"""Which messages are read, and by which module. The one table of supported types."""

from collections.abc import Mapping

from emr_bridge.formats.hl7v2.interpret import adt, document, order, osu, ref, siu
from emr_bridge.formats.hl7v2.interpret.overrides import NONE, Overrides
from emr_bridge.formats.hl7v2.interpret.reading import Doubtful, Reading
from emr_bridge.formats.hl7v2.interpret.triggers import Interpreter
from emr_bridge.formats.hl7v2.message import Message

FAMILIES: Mapping[str, Mapping[str, Interpreter]] = {
    "REF": ref.TRIGGERS,
    "ORM": {"O01": order.interpret},
    "OMG": {"O19": order.interpret},
    "OMP": {"O09": order.interpret},
    "RDE": {"O11": order.interpret, "O25": order.interpret},
    "OSU": {"O51": osu.interpret},
    "ORU": {"R01": document.results},
    "MDM": {"T02": document.document},
    "ADT": adt.TRIGGERS,
    "SIU": siu.TRIGGERS,
}
"""By MSH-9.1 and MSH-9.2. A type alone, without its event, is read as the first of the type."""

MEANINGS: Mapping[str, Mapping[str, str]] = {
    "REF": ref.MEANINGS,
    "ORM": {"O01": "an order, by ORC-1"},
    "OMG": {"O19": "an order (360X), by ORC-1"},
    "OMP": {"O09": "a pharmacy order, by ORC-1"},
    "RDE": dict.fromkeys(("O11", "O25"), "an encoded pharmacy order, by ORC-1"),
    "OSU": {"O51": "cancels, or tells a status in the timeline"},
    "ORU": {"R01": "attaches results and documents"},
    "MDM": {"T02": "attaches a document"},
    "ADT": adt.MEANINGS,
    "SIU": siu.MEANINGS,
}
"""What each becomes, in words, for the page about it."""

EVENTS = {name: frozenset(triggers) for name, triggers in FAMILIES.items()}
"""MSH-9.1 and the MSH-9.2 that we take with it."""

WITHOUT_EVENT = frozenset({"ADT", "SIU"})
"""Types of which the event alone says what they mean."""


def interpret(message: Message, overrides: Overrides = NONE) -> Reading:
    """Read a message of a supported type; what is no such message is doubtful, never an error."""
    if len(message.all("MSH")) > 1:
        return Doubtful("several_messages")
    message = overrides.translate(message)
    header = message.first("MSH")
    name, event = (header.text(9) or "").upper(), (header.text(9, 2) or "").upper()
    triggers = FAMILIES.get(name, {})
    if not event and name not in WITHOUT_EVENT:
        event = next(iter(triggers), "")
    read = triggers.get(event)
    return read(message, overrides) if read else Doubtful("unreadable")
