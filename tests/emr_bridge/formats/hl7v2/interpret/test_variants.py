"""One message, written in ways that no sample shows: what it says does not change.

A guard against reading by habit: optional segments in another order, other separators and line
ends, fields that nobody asked for, names moved to the next place of trust.
"""

import random

import pytest
from tests.emr_bridge.builders import sample

from emr_bridge.formats.hl7v2.interpret import interpret
from emr_bridge.formats.hl7v2.interpret.reading import Requested
from emr_bridge.formats.hl7v2.reader import read

SEEDS = range(40)
SAMPLES = ("ref_i12", "orm_o01", "omp_o09", "rde_o11")
FREE = ("PID", "IN1", "DG1", "AL1", "PV1", "NK1", "AUT", "CTD")
"""Segments that senders put where they like; with what follows them they are moved as one."""

ORDER_COUNTS = ("IN1", "DG1", "AL1", "NK1", "CTD", "AUT")
OTHER_MARKS = ("|^~\\&", "!$%?*", "|~^\\&", "#@+/=", "|^~\\&#")


def said(raw):
    reading = interpret(read(raw))
    assert isinstance(reading, Requested)
    return reading.submission


def blocks(lines):
    """Group lines into pieces that are moved as one: a free segment with what belongs to it."""
    grouped = [[lines[0]]]
    for line in lines[1:]:
        belongs = line[:3] in ("IN2", "NTE") or (
            line[:3] not in FREE and grouped[-1][0][:3] not in FREE
        )
        if belongs and len(grouped) > 1:
            grouped[-1].append(line)
        else:
            grouped.append([line])
    return grouped


def shuffled(lines, chance):
    """Move the free pieces among the others; those of one name keep their order."""
    first, *rest = blocks(lines)
    free = [piece for piece in rest if piece[0][:3] in FREE and len(piece) == 1]
    fixed = [piece for piece in rest if piece not in free]
    names = [piece[0][:3] for piece in free]
    chance.shuffle(names)
    queues = {name: [piece for piece in free if piece[0][:3] == name] for name in names}
    for name in names:
        piece = queues[name].pop(0)
        fixed.insert(chance.randrange(len(fixed) + 1), piece)
    ordered = []
    for name in ORDER_COUNTS:
        ordered.append([piece for piece in fixed if piece[0][:3] == name])
    for group in ordered:
        wanted = sorted(group, key=lines_of(lines))
        places = [fixed.index(piece) for piece in group]
        for place, piece in zip(sorted(places), wanted, strict=True):
            fixed[place] = piece
    return [line for piece in [first, *fixed] for line in piece]


def lines_of(lines):
    return lambda piece: lines.index(piece[0])


def with_marks(lines, marks):
    """Write the same in other separators; what had to be escaped before is plain text then."""
    own = dict(zip("|^~\\&", marks, strict=False))

    def written(text):
        kept = text.replace("\\T\\", "\0")
        moved = "".join(own.get(letter, letter) for letter in kept)
        ampersand = "&" if own["&"] != "&" else own["\\"] + "T" + own["\\"]
        return moved.replace("\0", ampersand)

    header = lines[0].split("|")
    rest = marks[0].join(written(field) for field in header[2:])
    return [f"MSH{marks[0]}{marks[1:]}{marks[0]}{rest}", *map(written, lines[1:])]


def noisy(lines, chance):
    """Add what nobody reads: Z-segments, trailing separators, blank lines."""
    out = [lines[0]]
    for line in lines[1:]:
        out.append(line + "|" * chance.randrange(3))
        if chance.random() < 0.2:
            out.append(f"ZX{chance.randrange(10)}|1|anything^at all")
    return out


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_referral_written_otherwise_says_the_same(name, seed):
    """INVARIANT: order of optional segments, separators, line ends and noise change no value."""
    chance = random.Random(f"{name}-{seed}")
    raw = sample(name)
    lines = [line for line in raw.decode().split("\r") if line]
    expected = said(raw)
    lines = noisy(lines, chance)
    if name == "ref_i12":
        lines = shuffled(lines, chance)
    marks = chance.choice(OTHER_MARKS)
    plain_text = "".join(lines).translate(dict.fromkeys(map(ord, "|^~\\&")))
    if set(marks).isdisjoint(plain_text):
        lines = with_marks(lines, marks)
    ending = chance.choice(["\r", "\n", "\r\n", "\r\r"])
    bom = chance.choice([b"", b"\xef\xbb\xbf"])
    found = said(bom + ending.join([*lines, ""]).encode())
    assert comparable(found) == comparable(expected)


def comparable(submission):
    """Notes are compared as a set of lines: their order is the order in which they stand."""
    data = submission.model_dump()
    data["clinicals"]["notes"] = sorted((data["clinicals"]["notes"] or "").split("\n"))
    return data


@pytest.mark.parametrize("empty", [0, 1, 2, 3, 4, 5])
def test_a_prescriber_is_found_in_each_place_of_trust_when_those_before_are_empty(empty):
    places = [
        "PRD|RP|ZZTESTDOC^Greta||||X|1234567893^NPI",
        "ORC|NW|P-1" + "|" * 10 + "1234567893^ZZTESTDOC^Greta^^^^^^NPI",
        "OBR|1|P-1" + "|" * 14 + "1234567893^ZZTESTDOC^Greta^^^^^^NPI",
        "RXE||1^Drug" + "|" * 11 + "1234567893^ZZTESTDOC^Greta^^^^^^NPI",
        "PV1|1|||||||1234567893^ZZTESTDOC^Greta^^^^^^NPI",
        "PV1|1||||||1234567893^ZZTESTDOC^Greta^^^^^^NPI",
    ]
    header = r"MSH|^~\&|A|B|||||RDE^O11|C-7|P|2.5.1"
    blank = [line[:3] + "|1" for line in places[:empty]]
    lines = [header, "PID|1||77||ZZTEST^Anna", *blank, *places[empty:]]
    found = said("\r".join(lines).encode()).prescriber
    assert (found.name, found.npi) == ("Greta ZZTESTDOC", "1234567893")
