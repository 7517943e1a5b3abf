"""What an observation is about, by its code or its words, whatever coding system a sender uses."""

from collections.abc import Iterable

from emr_bridge.formats.hl7v2.interpret.fields.values import coded_text
from emr_bridge.formats.hl7v2.reader import Message, Segment

DRUG = frozenset(
    (
        "DRUG",
        "DRUGNAME",
        "DRUGREQUESTED",
        "MEDICATION",
        "MEDICATIONNAME",
        "MEDICATIONORDERED",
        "MEDICATIONREQUESTED",
        "RXDRUG",
    )
)
SIG = frozenset(("RXSIG", "SIG", "DIRECTIONS", "MEDICATIONDIRECTIONS"))
QUANTITY = frozenset(("RXQUANTITY", "QUANTITY", "DISPENSEQUANTITY"))
DAYS_SUPPLY = frozenset(("RXDAYSSUPPLY", "DAYSSUPPLY", "DAYSOFSUPPLY"))
REFILLS = frozenset(("RXREFILLS", "REFILLS", "NUMBEROFREFILLS"))
STRENGTH = frozenset(("RXSTRENGTH", "STRENGTH", "DRUGSTRENGTH"))
DIAGNOSIS = frozenset(("DIAGNOSIS", "PRIMARYDIAGNOSIS", "RXDIAGNOSIS", "293084"))
"""The last is LOINC 29308-4."""

PRESCRIPTION = DRUG | SIG | QUANTITY | DAYS_SUPPLY | REFILLS | STRENGTH


def plain(text: str | None) -> str:
    """Return letters and digits in capitals: `Rx-Drug` and `RX DRUG` are the same."""
    return "".join(letter for letter in (text or "").upper() if letter.isalnum())


def is_about(observation: Segment, subject: Iterable[str]) -> bool:
    """Tell whether OBX-3 names the subject, in its code or in its words."""
    named = {plain(observation.text(3)), plain(observation.text(3, 2))}
    return not named.isdisjoint(subject)


def name_of_observation(observation: Segment) -> str:
    """Return the words for what was observed."""
    return coded_text(observation.value(3)) or ""


def about(message: Message, subject: Iterable[str]) -> Segment:
    """Return the first observation of the subject, an empty one when there is none."""
    found = (one for one in message.all("OBX") if is_about(one, subject))
    return next(found, message.first(""))
