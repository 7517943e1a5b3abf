"""The header is read from any bytes, and its fields come back as they were."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emr_bridge.formats.hl7v2.header import read_header

MSH = rb"MSH|^~\&|EPIC^1.2^ISO|NORTH|LOOP|PHARM|20260101||REF^I12^REF_I12|M-1|P|2.5.1"


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_give_a_header_or_none(raw, with_name):
    header = read_header(b"MSH" + raw if with_name else raw)
    for number in range(25):
        header.text(number)
        header.component(number, 2)
    assert len(header.sender) <= 200


def test_every_part_of_a_plain_header_is_found():
    header = read_header(MSH + b"\rPID|1")
    assert header.is_readable
    assert header.kind == ("REF", "I12")
    assert header.message_type == "REF^I12"
    assert header.control_id == "M-1"
    assert header.sender == "EPIC^1.2^ISO|NORTH"
    assert header.component(3, 1) == "EPIC"
    assert header.raw(3) == b"EPIC^1.2^ISO"
    assert header.raw(12) == b"2.5.1"
    assert header.raw(40) == b""


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\r\n", b"/* x */\n", b"  ", b"\n  "])
def test_what_stands_before_the_header_is_passed_over(before):
    assert read_header(before + MSH).control_id == "M-1"


@pytest.mark.parametrize("raw", [b"", b"MSH", b"PID|1", b"MSHA^~", b"FHS|^~\\&|A", b"xMSH|^~\\&|A"])
def test_without_a_header_there_is_nothing_to_read(raw):
    header = read_header(raw)
    assert not header.is_readable
    assert (header.sender, header.control_id, header.message_type) == ("|", "", "")
    assert header.is_batch == raw.startswith(b"FHS")


def test_other_separators_are_taken_from_the_message():
    header = read_header(b"MSH$%?*!$A%B$F$$$$$ORM%O01$7")
    assert header.message_type == "ORM^O01"
    assert header.component(3, 2) == "B"
    assert read_header(b"MSH||A").encoding == b"^~\\&"
    assert read_header(b"MSH|ab|A").encoding == b"^~\\&"
    assert read_header(b"MSH|").encoding == b"^~\\&"


def test_control_characters_and_strange_bytes_do_not_reach_columns():
    header = read_header(b"MSH|^~\\&|A\x00\x07B|Ren\xe9e|||||ORU|" + b"9" * 500)
    assert header.text(3) == "AB"
    assert header.text(4) == "Ren\u00e9e"
    assert len(header.control_id) == 199


def test_a_name_that_slipped_into_msh_9_is_not_told_as_a_message_type():
    """INVARIANT: no patient's name in a plain event, whatever a sender puts where."""
    header = read_header(b"MSH|^~\\&|A|B|C|D|20260302||ZZTESTPATIENT^ANNA^M|7|P|2.5.1")
    assert header.message_type == "?^?"
    shifted = read_header(b"MSH|^~\\&|A|B|C|D|20260302||ZZTESTPATIENT^Rosalind|7|P|2.5.1")
    assert shifted.message_type == "?^?"
