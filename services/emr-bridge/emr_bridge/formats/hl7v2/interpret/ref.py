"""REF: a referral from a clinic (HL7 v2.5.1, chapter 11).

| trigger | meaning | becomes |
|---|---|---|
| I12 | refer | a referral; an update of the one with the same number |
| I13 | change | an update of the referral with that number, else a review |
| I14 | cancel | the wish to cancel |
| I15 | status? | the current status is told again |

RF1-1 with a code of `CANCELLED` cancels, whatever the trigger.
"""

from collections.abc import Mapping

from emr_bridge.formats.hl7v2.interpret import compose
from emr_bridge.formats.hl7v2.interpret.overrides import Overrides
from emr_bridge.formats.hl7v2.interpret.reading import Reading
from emr_bridge.formats.hl7v2.interpret.triggers import Interpreter
from emr_bridge.formats.hl7v2.message import Message

CANCELLED = ("C", "CA", "CANCELLED", "CANCELED")
"""RF1-1 where a sender cancels by status; table 0283 itself has no such value."""


def _unless_cancelled(read: Interpreter) -> Interpreter:
    def interpret(message: Message, overrides: Overrides) -> Reading:
        if (message.first("RF1").text(1) or "").upper() in CANCELLED:
            return compose.cancellation(message, overrides)
        return read(message, overrides)

    return interpret


TRIGGERS: Mapping[str, Interpreter] = {
    "I12": _unless_cancelled(compose.request),
    "I13": _unless_cancelled(compose.change),
    "I14": compose.cancellation,
    "I15": compose.status_request,
}
MEANINGS: Mapping[str, str] = {
    "I12": "refers a patient; the same number again updates",
    "I13": "changes the referral with that number",
    "I14": "asks to cancel",
    "I15": "asks where it stands: the status is told again",
}
