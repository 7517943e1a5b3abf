"""Whatever a message is bent into, it is read, interpreted and given back; nothing raises."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.emr_bridge.outcomes import messages, outcome

from emr_bridge.formats.hl7v2.batch import split
from emr_bridge.formats.hl7v2.interpret import EVENTS, interpret
from emr_bridge.formats.hl7v2.interpret.overrides import Overrides
from emr_bridge.formats.hl7v2.reader import read

CORPUS = [raw for _, raw in messages()]

ROUNDS = 4
"""Mutations of each message; the seeds are fixed, so that a failure comes again."""

WAYS = Overrides.parse(
    {"prescriber.npi": "ORC-12.1", "drug.code": "RXO-1.1 system NDC", "order_number": "ZRF-1"},
    {"sex": {"1": "F"}, "order_control": {"NEU": "NW"}, "diagnosis_system": {"X10": "I10"}},
)

PIECES = (
    b"|", b"^", b"~", b"&", b"\\", b"\\.br\\", b"\\XE9\\", b'""', b"\r", b"\n", b"\x00", b"\xff",
    b"\xc3\x28", b"MSH|^~\\&|", b"\rPID|", b"\rOBX|1|ED|||^AP^PDF^Base64^", b"\rORC|CA|", b"\x1b$B",
    b"99999999999999999999", b"-1", b"20261332",
)  # fmt: skip


def mutated(raw: bytes, chance: random.Random) -> bytes:
    bent = bytearray(raw[:100_000])
    for _ in range(chance.randrange(1, 10)):
        at = chance.randrange(len(bent) + 1)
        end = at + chance.randrange(40)
        match chance.randrange(5):
            case 0:
                bent[at:at] = chance.choice(PIECES)
            case 1:
                del bent[at:end]
            case 2:
                bent[at:at] = bent[at:end]
            case 3 if bent:
                bent[min(at, len(bent) - 1)] = chance.randrange(256)
            case _:
                lines = bytes(bent).split(b"\r")
                chance.shuffle(lines)
                bent = bytearray(b"\r".join(lines))
    return bytes(bent)


def endure(raw: bytes) -> None:
    message = read(raw)
    assert message.to_bytes() == raw
    interpret(message)
    interpret(message, WAYS)
    outcome(raw)
    split(raw)


@pytest.mark.skipif(not CORPUS, reason="shared/corpus/hl7v2 is not there")
@pytest.mark.parametrize("part", range(8))
def test_mutations_of_every_message_of_the_corpus_are_read_and_interpreted(part):
    """INVARIANT: no bytes make the reader or an interpreter raise; an unguarded index breaks it."""
    for number, raw in enumerate(CORPUS):
        if number % 8 == part:
            chance = random.Random(number)
            for _ in range(ROUNDS):
                endure(mutated(raw, chance))


@pytest.mark.skipif(not CORPUS, reason="shared/corpus/hl7v2 is not there")
def test_two_messages_spliced_together_are_read_and_interpreted():
    chance = random.Random(11)
    for one, other in pairwise(CORPUS):
        cut = chance.randrange(1 + min(len(one), len(other), 20_000))
        endure(one[:cut] + other[cut:100_000])


@pytest.mark.skipif(not CORPUS, reason="shared/corpus/hl7v2 is not there")
def test_every_message_of_the_corpus_has_an_outcome_and_a_reason():
    for raw in CORPUS:
        result, reason = outcome(raw)
        assert result in {"read", "review", "refused", "ignored"}
        assert reason


KINDS = sorted(f"{name}^{event}" for name, events in EVENTS.items() for event in events)

fields = st.lists(
    st.text(alphabet='AZ09^~&\\|." \n\u00e9', max_size=12), min_size=1, max_size=40
).map("|".join)

segments = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "PID",
                "PV1",
                "NK1",
                "IN1",
                "IN2",
                "ORC",
                "OBR",
                "OBX",
                "RXE",
                "RXO",
                "RXR",
                "TQ1",
                "DG1",
                "AL1",
                "PRD",
                "CTD",
                "RF1",
                "AUT",
                "NTE",
                "SCH",
                "AIS",
                "AIL",
                "AIP",
                "TXA",
                "MRG",
                "ZZZ",
            ]
        ),
        fields,
    ).map("|".join),
    max_size=14,
)


@given(kind=st.sampled_from(KINDS), body=segments)
@settings(max_examples=300)
def test_any_segments_of_any_type_that_is_taken_become_a_reading(kind, body):
    header = rf"MSH|^~\&|A|B|C|D|20260302||{kind}|1|P|2.5.1"
    endure("\r".join([header, *body]).encode())
