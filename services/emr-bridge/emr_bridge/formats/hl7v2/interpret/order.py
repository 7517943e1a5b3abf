"""ORM^O01, OMP^O09 and RDE^O11: ORC-1 (table 0119) says whether the order is made or taken back."""

from emr_bridge.formats.hl7v2.interpret.compose import cancellation, request
from emr_bridge.formats.hl7v2.interpret.reading import Doubtful, Reading
from emr_bridge.formats.hl7v2.reader import Message

TAKEN_BACK = ("CA", "DC")


def interpret(message: Message) -> Reading:
    """Read an order; a message that makes one and takes another back needs a person."""
    controls = {(order.text(1) or "").upper() for order in message.all("ORC")}
    if not controls.intersection(TAKEN_BACK):
        return request(message)
    return cancellation(message) if controls.issubset(TAKEN_BACK) else Doubtful("mixed_orders")
