"""ORM^O01, OMP^O09 and RDE^O11: ORC-1 says whether the order is made, changed or taken back."""

from emr_bridge.formats.hl7v2.interpret.compose import cancellation, request
from emr_bridge.formats.hl7v2.interpret.reading import Doubtful, Reading
from emr_bridge.formats.hl7v2.reader import Message

MADE, TAKEN_BACK = "made", "taken_back"

MEANINGS = {
    **dict.fromkeys(("CA", "DC", "OC", "OD", "CR", "DR"), TAKEN_BACK),
    **dict.fromkeys(("XO", "XX", "XR", "RP", "RU"), "modification"),
    **dict.fromkeys(("HD", "OH", "HR"), "hold"),
    "SC": "status_change",
}
"""By ORC-1 (table 0119). Every other code makes an order: senders put anything there (RE, OP)."""


def interpret(message: Message) -> Reading:
    """Read an order; a message that neither makes nor takes back, or does both, needs a person."""
    controls = {(order.text(1) or "").upper() for order in message.all("ORC")}
    meanings = {MEANINGS.get(control, MADE) for control in controls} or {MADE}
    if len(meanings) > 1:
        return Doubtful("mixed_orders")
    (meaning,) = meanings
    if meaning == MADE:
        return request(message)
    return cancellation(message) if meaning == TAKEN_BACK else Doubtful(meaning)
