"""ORM^O01, OMG^O19, OMP^O09, RDE^O11/O25: ORC-1 says whether the order is made, changed or taken back."""

from collections.abc import Mapping

from emr_bridge.formats.hl7v2.interpret import compose
from emr_bridge.formats.hl7v2.interpret.overrides import Overrides
from emr_bridge.formats.hl7v2.interpret.reading import Doubtful, Reading
from emr_bridge.formats.hl7v2.interpret.triggers import Interpreter
from emr_bridge.formats.hl7v2.message import Message

MADE, CHANGED, TAKEN_BACK = "made", "changed", "taken_back"

MEANINGS = {
    **dict.fromkeys(("CA", "DC", "OC", "OD", "CR", "DR"), TAKEN_BACK),
    **dict.fromkeys(("XO", "XX"), CHANGED),
    **dict.fromkeys(("XR", "RP", "RU"), "modification"),
    **dict.fromkeys(("HD", "OH", "HR"), "hold"),
    "SC": "status_change",
}
"""By ORC-1 (table 0119). Every other code makes an order: senders put anything there (RE, OP)."""

READ: Mapping[str, Interpreter] = {
    MADE: compose.request,
    CHANGED: compose.change,
    TAKEN_BACK: compose.cancellation,
}
"""What is not here (modification, hold, status_change) needs a person."""


def interpret(message: Message, overrides: Overrides) -> Reading:
    """Read an order; a message that neither makes nor takes back, or does both, needs a person."""
    controls = {(order.text(1) or "").upper() for order in message.all("ORC")}
    meanings = {MEANINGS.get(control, MADE) for control in controls} or {MADE}
    if len(meanings) > 1:
        return Doubtful("mixed_orders")
    (meaning,) = meanings
    read = READ.get(meaning)
    return read(message, overrides) if read else Doubtful(meaning)
