"""Insurance: IN1 with its IN2, and the pharmacy numbers (BIN, PCN, group) wherever they are put."""

import re
from collections.abc import Callable, Iterator
from itertools import islice

from common.events.submission import Coverage
from emr_bridge.formats.hl7v2.interpret.fields.observed import names_of, plain
from emr_bridge.formats.hl7v2.interpret.fields.values import coded_text
from emr_bridge.formats.hl7v2.interpret.sources import Sources
from emr_bridge.formats.hl7v2.message import NO_SEGMENT, Message, Segment, Value

BIN = re.compile(r"\d{6}(\d{2})?", re.ASCII)

LABELS = {
    "bin": ("BIN", "RXBIN", "IIN"),
    "pcn": ("PCN", "RXPCN"),
    "group": ("RXGRP", "RXGROUP", "GRP"),
    "member_id": ("RXID", "MEMBERID"),
}
"""What senders call the four numbers; blanks and punctuation do not count."""

NUMBERS = {label: key for key, labels in LABELS.items() for label in labels}
"""Which of the four a label stands for."""

NOTED = {
    "bin": re.compile(r"\b(?:RX\s*)?(?:BIN|IIN)\W{1,3}(\d{6,8})\b", re.IGNORECASE),
    "pcn": re.compile(r"\b(?:RX\s*)?PCN\W{1,3}(\w{2,15})\b", re.IGNORECASE),
    "group": re.compile(r"\bRX\s*(?:GROUP|GRP)\W{1,3}(\w{2,20})\b", re.IGNORECASE),
    "member_id": re.compile(r"\bMEMBER\s*(?:ID|NO|NUMBER)\W{1,3}(\w{4,25})\b", re.IGNORECASE),
}
"""How they stand in notes."""

HINTS = {
    "bin": re.compile(r"\d{6}"),
    "pcn": re.compile("[Pp][Cc][Nn]"),
    "group": re.compile("[Gg][Rr]"),
    "member_id": re.compile("[Mm][Ee][Mm]"),
}
"""What a note with one of them has in it: looked for first, as it is looked for ten times as fast."""

MOST_NOTES, LONGEST_NOTE = 200, 20_000
"""How many notes, and how much of each, are searched for numbers."""

MEMBER_IN1, MEMBER_IN2 = (36, 49), (61, 6, 8)
"""Policy number, insured's id; then member id, Medicare and Medicaid numbers of IN2."""

MAY_SAY = (2, 3, 8, 35, 36, 49)
"""IN1: plan, company, group and policy, in any of which a number may say what it is."""

Block = tuple[Segment, Segment]
"""An IN1 and its IN2, an empty one when there is none."""

MEDICAL = {"MED", "MEDICAL", "MM", "MAJOR MEDICAL"}


def read(message: Message, sources: Sources | None = None) -> tuple[Coverage, ...]:
    """Return the insurances in the order in which they are given."""
    sources = sources or Sources()
    blocks = enumerate(_blocks(message), start=1)
    found = [_coverage(block, order, sources) for order, block in blocks]
    said = _said_elsewhere(message)
    if not found and not said:
        return ()
    place = next((n for n, one in enumerate(found) if one.benefit == "pharmacy"), 0)
    known = found[place] if found else Coverage()
    missing = {key: text for key, (text, _) in said.items() if getattr(known, key) is None}
    if not missing:
        return tuple(found)
    for key in missing:
        sources.note(f"/coverages/{place}/{key}", said[key][1])
    found[place : place + 1] = [known.model_copy(update=missing)]
    return tuple(found)


def _blocks(message: Message) -> list[Block]:
    """Pair each IN1 with the IN2 that follows before the next."""
    pairs: list[Block] = []
    for segment in message.segments:
        if segment.name == "IN1":
            pairs.append((segment, NO_SEGMENT))
        elif segment.name == "IN2" and pairs:
            pairs[-1] = (pairs[-1][0], segment)
    return pairs


def _coverage(block: Block, order: int, sources: Sources) -> Coverage:
    """Read one insurance: numbers that say what they are first, then the fields made for them."""
    in1, in2 = block
    labelled = _labelled(in1)

    def pick(name: str, *values: Value, read: Callable[[Value], str | None] = _first) -> str | None:
        own = [labelled[name]] if name in labelled else []
        return sources.take(f"/coverages/{order - 1}/{name}", (*own, *values), read)

    payer = pick("payer", in1.value(4)) or pick("payer", in1.value(2), read=coded_text)
    member = pick("member_id", *(in1.value(n) for n in MEMBER_IN1), *map(in2.value, MEMBER_IN2))
    number = pick("bin", *([in1.value(3)] if BIN.fullmatch(in1.text(3) or "") else []))
    pcn, group = pick("pcn"), pick("group", in1.value(8))
    is_pharmacy = bool(number or pcn) or not _is_medical(in1)
    return Coverage(
        payer=payer,
        member_id=member,
        bin=number,
        pcn=pcn,
        group=group,
        benefit="pharmacy" if is_pharmacy else "medical",
        order=order,
    )


def _first(value: Value) -> str | None:
    return value.component(1)


def _is_medical(in1: Segment) -> bool:
    """Tell by the plan's type (IN1-15) or its name (IN1-2)."""
    kind, plan = (in1.text(15) or "").upper(), (coded_text(in1.value(2)) or "").upper()
    return kind in MEDICAL or "MEDICAL" in plan.split()


def _labelled(in1: Segment) -> dict[str, Value]:
    """Numbers that say what they are, in the plan, company, group and policy fields."""
    found: dict[str, Value] = {}
    for value in (value for number in MAY_SAY for value in in1.values(number)):
        number, *words = value.texts[:6]
        if number:
            for label in NUMBERS.keys() & map(plain, words):
                found.setdefault(NUMBERS[label], value)
    return found


def _texts(message: Message) -> Iterator[Value]:
    """Yield the notes (NTE-3) and the observations in words (OBX-5)."""
    for segment in message.segments:
        if segment.name == "NTE":
            yield from segment.values(3)
        elif segment.name == "OBX" and segment.text(2) in ("TX", "FT", "ST"):
            yield from segment.values(5)


def _said_elsewhere(message: Message) -> dict[str, tuple[str, Value]]:
    """Numbers in observations that are named after them, then in notes; each with where it stands."""
    found: dict[str, tuple[str, Value]] = {}
    for observation in message.all("OBX"):
        value = observation.value(5)
        if number := value.component(1):
            for label in NUMBERS.keys() & names_of(observation):
                found.setdefault(NUMBERS[label], (number, value))
    for value in islice(_texts(message), MOST_NOTES):
        note = (value.text() or "")[:LONGEST_NOTE]
        for key, pattern in NOTED.items():
            if HINTS[key].search(note) and (noted := pattern.search(note)):
                found.setdefault(key, (noted[1], value))
    return found
