"""OSU^O51: a partner says where an order stands with it (360X PCC-56, PCC-58).

ORC-1 or ORC-5 that cancels is the wish to cancel; any other status is told in the timeline.
"""

from emr_bridge.formats.hl7v2.interpret import compose
from emr_bridge.formats.hl7v2.interpret.order import MEANINGS, TAKEN_BACK
from emr_bridge.formats.hl7v2.interpret.overrides import Overrides
from emr_bridge.formats.hl7v2.interpret.reading import Doubtful, Reading, StatusTold
from emr_bridge.formats.hl7v2.interpret.sources import Sources
from emr_bridge.formats.hl7v2.message import Message

ENDED = ("CA", "DC")
"""ORC-5 (table 0038): cancelled, discontinued."""


def interpret(message: Message, overrides: Overrides) -> Reading:
    """Read a status; several orders with different ones need a person."""
    told = {
        ((order.text(1) or "").upper(), (order.text(5) or "").upper())
        for order in message.all("ORC")
    }
    if len(told) != 1:
        return Doubtful("mixed_orders" if told else "no_order")
    ((control, status),) = told
    if MEANINGS.get(control) == TAKEN_BACK or status in ENDED:
        return compose.cancellation(message, overrides)
    sources = Sources()
    known = compose.order_numbers(message, overrides, sources)
    if not known:
        return Doubtful("status_without_number")
    found = compose.found(message, overrides, sources)
    return StatusTold(known[0].value, control, status or None, found)
