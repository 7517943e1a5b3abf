"""Insurance: IN1 with its IN2, and the pharmacy numbers (BIN, PCN, group) wherever they are put."""

import re
from collections.abc import Iterator

from common.events.submission import Coverage
from emr_bridge.formats.hl7v2.interpret.fields.observed import is_about, plain
from emr_bridge.formats.hl7v2.interpret.fields.values import coded_text
from emr_bridge.formats.hl7v2.reader import Message, Segment

BIN = re.compile(r"\d{6}(\d{2})?", re.ASCII)

LABELS = {
    "bin": ("BIN", "RXBIN", "IIN"),
    "pcn": ("PCN", "RXPCN"),
    "group": ("RXGRP", "RXGROUP", "GRP"),
    "member_id": ("RXID", "MEMBERID"),
}
"""What senders call the four numbers; blanks and punctuation do not count."""

NOTED = {
    "bin": re.compile(r"\b(?:RX\s*)?(?:BIN|IIN)\W{1,3}(\d{6,8})\b", re.IGNORECASE),
    "pcn": re.compile(r"\b(?:RX\s*)?PCN\W{1,3}(\w{2,15})\b", re.IGNORECASE),
    "group": re.compile(r"\bRX\s*(?:GROUP|GRP)\W{1,3}(\w{2,20})\b", re.IGNORECASE),
    "member_id": re.compile(r"\bMEMBER\s*(?:ID|NO|NUMBER)\W{1,3}(\w{4,25})\b", re.IGNORECASE),
}
"""How they stand in notes."""

MEDICAL = {"MED", "MEDICAL", "MM", "MAJOR MEDICAL"}


def read(message: Message) -> tuple[Coverage, ...]:
    """Return the insurances in the order in which they are given."""
    found = [_coverage(*blocks, order) for order, blocks in enumerate(_blocks(message), start=1)]
    said = _said_elsewhere(message)
    if not found and said:
        return (Coverage(**said),)
    if found:
        place = next((n for n, one in enumerate(found) if one.benefit == "pharmacy"), 0)
        missing = {key: text for key, text in said.items() if getattr(found[place], key) is None}
        found[place] = found[place].model_copy(update=missing)
    return tuple(found)


def _blocks(message: Message) -> list[tuple[Segment, Segment]]:
    """Pair each IN1 with the IN2 that follows before the next."""
    nothing = message.first("")
    pairs: list[tuple[Segment, Segment]] = []
    for segment in message.segments:
        if segment.name == "IN1":
            pairs.append((segment, nothing))
        elif segment.name == "IN2" and pairs:
            pairs[-1] = (pairs[-1][0], segment)
    return pairs


def _coverage(in1: Segment, in2: Segment, order: int) -> Coverage:
    labelled = _labelled(in1)
    member = in1.text(36) or in1.text(49) or in2.text(61) or in2.text(6) or in2.text(8)
    company = in1.text(3)
    unlabelled = company if company and BIN.fullmatch(company) else None
    pharmacy = {"bin": labelled.get("bin") or unlabelled, "pcn": labelled.get("pcn")}
    return Coverage(
        payer=in1.text(4) or coded_text(in1.value(2)),
        member_id=labelled.get("member_id") or member,
        bin=pharmacy["bin"],
        pcn=pharmacy["pcn"],
        group=labelled.get("group") or in1.text(8),
        benefit="medical" if not any(pharmacy.values()) and _is_medical(in1) else "pharmacy",
        order=order,
    )


def _is_medical(in1: Segment) -> bool:
    """Tell by the plan's type (IN1-15) or its name (IN1-2)."""
    kind, plan = (in1.text(15) or "").upper(), (coded_text(in1.value(2)) or "").upper()
    return kind in MEDICAL or "MEDICAL" in plan.split()


def _labelled(in1: Segment) -> dict[str, str]:
    """Numbers that say what they are, in the plan, company, group and policy fields."""
    values = [value for number in (2, 3, 8, 35, 36, 49) for value in in1.values(number)]
    found: dict[str, str] = {}
    for value in values:
        words = {plain(value.component(part)) for part in range(2, 7)}
        for key, labels in LABELS.items():
            number = value.component(1)
            if number and words.intersection(labels):
                found.setdefault(key, number)
    return found


def _texts(message: Message) -> Iterator[str]:
    """Yield the notes (NTE-3) and the observations in words (OBX-5)."""
    for segment in message.segments:
        if segment.name == "NTE":
            yield from (value.text() or "" for value in segment.values(3))
        elif segment.name == "OBX" and segment.text(2) in ("TX", "FT", "ST"):
            yield from (value.text() or "" for value in segment.values(5))


def _said_elsewhere(message: Message) -> dict[str, str]:
    """Numbers in observations that are named after them, then in notes."""
    found: dict[str, str] = {}
    for observation in message.all("OBX"):
        for key, labels in LABELS.items():
            number = observation.text(5)
            if number and is_about(observation, labels):
                found.setdefault(key, number)
    notes = " ".join(_texts(message))
    for key, pattern in NOTED.items():
        if noted := pattern.search(notes[:20_000]):
            found.setdefault(key, noted[1])
    return found
