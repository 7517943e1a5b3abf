"""REF^I12 (refer), I13 (change) and I14 (cancel)."""

from emr_bridge.formats.hl7v2.interpret.compose import cancellation, request
from emr_bridge.formats.hl7v2.interpret.reading import Doubtful, Reading
from emr_bridge.formats.hl7v2.reader import Message

CANCELLED = ("C", "CA", "CANCELLED", "CANCELED")
"""RF1-1 where a sender cancels by status; table 0283 itself has no such value."""


def interpret(message: Message) -> Reading:
    """Read a referral; a change needs a person, who sees what differs."""
    if message.first("MSH").text(9, 2) == "I14" or _is_cancelled(message):
        return cancellation(message)
    if message.first("MSH").text(9, 2) == "I13":
        return Doubtful("modification")
    return request(message)


def _is_cancelled(message: Message) -> bool:
    return (message.first("RF1").text(1) or "").upper() in CANCELLED
