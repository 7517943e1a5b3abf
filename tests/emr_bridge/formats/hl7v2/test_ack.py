"""What we answer, and how we read what others answer."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hl7apy.parser import parse_message

from common.ids import new_id
from emr_bridge.formats.hl7v2 import ack
from emr_bridge.formats.hl7v2.ack import acknowledge, control_id_of, read_acknowledgement
from emr_bridge.formats.hl7v2.header import read_header

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
HEAD = rb"MSH|^~\&|EPIC^1.2^ISO|NORTH|LOOP|PHARM|20260101||REF^I12^REF_I12|M-1|T|2.5.1"


def answer(raw, refusal=None):
    return acknowledge(read_header(raw), refusal, control_id="C-9", now=NOW)


def test_aa_swaps_the_parties_and_echoes_what_identifies_the_message():
    assert answer(HEAD).split(b"\r") == [
        rb"MSH|^~\&|LOOP|PHARM|EPIC^1.2^ISO|NORTH|20260302150000+0000||ACK^I12^ACK|C-9|T|2.5.1|||NE|NE",
        b"MSA|AA|M-1|Kept",
        b"",
    ]


@pytest.mark.parametrize(
    ("refusal", "code", "error"),
    [
        (ack.NO_HEADER, "AR", "100^Segment sequence error^HL70357"),
        (ack.BATCH, "AR", "200^Unsupported message type^HL70357"),
        (ack.UNKNOWN_TYPE, "AR", "200^Unsupported message type^HL70357"),
        (ack.UNKNOWN_EVENT, "AR", "201^Unsupported event code^HL70357"),
        (ack.WRONG_PROCESSING_ID, "AR", "202^Unsupported processing id^HL70357"),
        (ack.WRONG_VERSION, "AR", "203^Unsupported version id^HL70357"),
        (ack.FOREIGN_SENDER, "AR", "199^Other HL7 error^HL70357"),
        (ack.REUSED_CONTROL_ID, "AE", "205^Duplicate key identifier^HL70357"),
        (ack.CANNOT_STORE, "AR", "207^Application internal error^HL70357"),
        (ack.TOO_LARGE, "AR", "199^Other HL7 error^HL70357"),
    ],
)
def test_each_refusal_says_where_what_and_how_severe(refusal, code, error):
    _, said, why, _ = answer(HEAD, refusal).decode().split("\r")
    assert said == f"MSA|{code}|M-1|{refusal.text}"
    assert why == f"ERR||{refusal.location}|{error}|E||||{refusal.text}"
    assert len(refusal.text) <= 80


def test_before_2_5_the_error_stands_in_the_first_field():
    raw = HEAD.replace(b"2.5.1", b"2.3.1")
    why = answer(raw, ack.UNKNOWN_TYPE).split(b"\r")[2]
    assert why == b"ERR|MSH^1^9^200&Unsupported message type&HL70357"


def test_without_a_header_an_answer_is_still_possible():
    sent = answer(b"hello", ack.NO_HEADER).split(b"\r")
    assert sent[0] == rb"MSH|^~\&|||||20260302150000+0000||ACK|C-9|P|2.5.1|||NE|NE"
    assert sent[1] == b"MSA|AR||No readable MSH segment"


def test_the_senders_separators_are_used():
    sent = answer(b"MSH$%?*!$A%B$F$$$$$ORM%O01$7$P$2.5.1", ack.UNKNOWN_TYPE).split(b"\r")
    assert sent[0].startswith(b"MSH$%?*!$$$A%B$F$")
    assert sent[1] == b"MSA$AR$7$Message type is not supported"
    assert sent[2].startswith(b"ERR$$MSH%1%9$200%Unsupported")


def test_another_library_reads_our_answers():
    for refusal in (None, ack.UNKNOWN_TYPE):
        parsed = parse_message(answer(HEAD, refusal).decode(), find_groups=False)
        assert parsed.msa.msa_2.value == "M-1"
        assert parsed.validate()


def test_a_control_id_is_short_ordered_and_tells_identifiers_apart():
    ids = [new_id() for _ in range(500)]
    controls = [control_id_of(identifier) for identifier in ids]
    assert len(set(controls)) == 500
    assert {len(control) for control in controls} == {20}
    assert control_id_of(UUID(int=0)) == "0" * 20
    assert controls[0][:8] <= controls[-1][:8]


def test_an_answer_is_recognised_as_one():
    assert ack.is_acknowledgement(read_header(answer(HEAD)))
    assert not ack.is_acknowledgement(read_header(HEAD))


@pytest.mark.parametrize(
    ("lines", "code", "errors"),
    [
        (["MSA|AA|X1"], "AA", ()),
        (["MSA|ar|X1", "ERR|||207^Internal^HL70357|E"], "AR", ("207",)),
        (["MSA|AE|X1", "ERR|PID^1^3^101&Missing&HL70357"], "AE", ("101&Missing",)),
        (["MSA|AE|X1|||| 207^Internal"], "AE", ("207",)),
        (["MSA|AE"], "AE", ()),
    ],
)
def test_a_partners_answer_is_read_in_old_and_new_forms(lines, code, errors):
    raw = "\r".join([r"MSH|^~\&|A|B|||||ACK|Z|P|2.5.1", *lines])
    found = read_acknowledgement(raw.encode())
    assert found is not None
    assert (found.code, found.control_id) == (code, "X1" if "X1" in raw else "")
    assert [error[:3] for error in found.errors] == [error[:3] for error in errors]


def test_what_holds_no_msa_is_no_answer():
    assert read_acknowledgement(HEAD) is None
    assert read_acknowledgement(b"\xff\x00") is None
