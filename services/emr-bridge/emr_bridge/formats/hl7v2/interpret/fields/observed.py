"""What an observation is about, by its code or its words, whatever coding system a sender uses."""

import re
from collections.abc import Iterable
from functools import lru_cache

from emr_bridge.formats.hl7v2.interpret.fields.values import coded_text
from emr_bridge.formats.hl7v2.message import NO_SEGMENT, Message, Segment

REMEMBERED, LONGEST_NAME = 1024, 200
"""Observations whose names are kept, and the most letters of one: a sender's next message observes the same."""

NEITHER = re.compile(r"[\W_]+")
"""What is neither letter nor digit."""

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

PARTS = (DRUG, STRENGTH, SIG, QUANTITY, DAYS_SUPPLY, REFILLS)
"""What a referral says of a prescription where its structure has no pharmacy segments."""

PRESCRIPTION = {name: number for number, part in enumerate(PARTS) for name in part}
"""Which part of it a name stands for."""


def plain(text: str | None) -> str:
    """Return letters and digits in capitals: `Rx-Drug` and `RX DRUG` are the same."""
    return NEITHER.sub("", text.upper()) if text else ""


def is_about(observation: Segment, subject: Iterable[str]) -> bool:
    """Tell whether OBX-3 names the subject, in its code or in its words."""
    return not names_of(observation).isdisjoint(subject)


def names_of(observation: Segment) -> frozenset[str]:
    """Return what OBX-3 calls the observation: its code and its words, as `plain` text."""
    code, words = observation.value(3).several(1, 2)
    if len(code) + len(words) > LONGEST_NAME:
        return frozenset((plain(code), plain(words)))
    return _names(code, words)


@lru_cache(maxsize=REMEMBERED)
def _names(code: str, words: str) -> frozenset[str]:
    return frozenset((plain(code), plain(words)))


def name_of_observation(observation: Segment) -> str:
    """Return the words for what was observed."""
    return coded_text(observation.value(3)) or ""


def prescription(message: Message) -> list[Segment]:
    """Return the first observation of each part of a prescription, an empty one when there is none."""
    found: dict[int, Segment] = {}
    for observation in message.all("OBX"):
        for name in names_of(observation) & PRESCRIPTION.keys():
            found.setdefault(PRESCRIPTION[name], observation)
    return [found.get(part, NO_SEGMENT) for part in range(len(PARTS))]
