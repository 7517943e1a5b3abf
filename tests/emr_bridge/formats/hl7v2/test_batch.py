"""Batches: every message comes out byte for byte, and what does not add up is told."""

import re

from hypothesis import given
from hypothesis import strategies as st

from emr_bridge.formats.hl7v2.batch import split

ONE = b"MSH|^~\\&|A|B||||| |1\rPID|1||77\r"
TWO = b"MSH|^~\\&|A|B||||| |2\rPID|1||88\r"

pieces = st.lists(
    st.sampled_from(
        [
            b"FHS|^~\\&|\r",
            b"BHS|^~\\&|\r",
            b"BTS|1\r",
            b"BTS|\n",
            b"FTS|1\r",
            b"FTS",
            ONE,
            TWO,
            b"x\r",
        ]
    )
).map(b"".join)


def test_a_file_of_a_batch_gives_its_messages_unchanged():
    raw = b"FHS|^~\\&|F\rBHS|^~\\&|B|||||||T-1\r" + ONE + TWO + b"BTS|2\rFTS|1\r"
    file = split(b"\xef\xbb\xbf" + raw)
    assert file.messages == (ONE, TWO)
    assert file.findings == ()
    (batch,) = file.batches
    assert batch.header is not None
    assert (batch.header.field(3), batch.header.field(10)) == (b"B", b"T-1")
    assert batch.claimed == 2


def test_counts_that_do_not_fit_and_trailers_that_are_missing_are_told():
    raw = b"FHS|^~\\&\rBHS|^~\\&\r" + ONE + b"BTS|25\rBHS|^~\\&\r" + TWO + b"FTS|7\r"
    assert split(raw).findings == (
        "batch_count_differs BTS[1]-1",
        "batch_without_trailer BHS[2]",
        "file_count_differs FTS[1]-1",
    )
    assert split(b"FHS|^~\\&\r" + ONE).findings == ("file_without_trailer FHS[1]",)
    assert split(b"/* note */\n" + ONE).findings == ("text_before_header",)
    assert split(b"nothing").findings == ("text_before_header",)


def test_many_messages_without_a_batch_are_cut_apart_too():
    file = split(ONE.replace(b"\r", b"\n") + TWO + ONE)
    assert len(file.messages) == 3
    assert [batch.header for batch in file.batches] == [None]


def test_a_field_that_begins_as_a_header_cuts_nothing():
    raw = ONE + b"NTE|1||MSH|x\rOBX|1|TX|||see MSH\r"
    assert split(raw).messages == (raw,)


@given(st.one_of(st.binary(max_size=200), pieces))
def test_no_message_is_lost_whatever_the_bytes(raw):
    """INVARIANT: each line that begins with MSH and a separator begins one message; a cut elsewhere breaks it."""
    file = split(raw)
    starts = re.findall(rb"(?:^|(?<=[\r\n]))MSH\|", raw.removeprefix(b"\xef\xbb\xbf"))
    assert len(file.messages) >= len(starts)
    assert all(message.startswith(b"MSH") for message in file.messages)
    for batch in file.batches:
        assert batch.claimed is None or batch.claimed >= 0
