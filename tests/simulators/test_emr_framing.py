"""The framer: whatever the network does to the bytes, whole payloads come out in order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.emr.framing import END, START, Framer, FrameTooLargeError, frame

# A payload cannot contain a start byte or an end mark: that is what frames it.
PAYLOADS = st.lists(
    st.binary(max_size=60).filter(lambda data: START not in data and END not in data + END[:1]),
    max_size=8,
).map(lambda found: [data for data in found if not data.endswith(END[:1])])
GARBAGE = st.binary(max_size=10).filter(lambda data: START not in data)
CUTS = st.lists(st.integers(min_value=1, max_value=50), min_size=1, max_size=30)


def pieces(data, cuts):
    at = 0
    for cut in cuts:
        yield data[at : at + cut]
        at += cut
    yield data[at:]


@given(payloads=PAYLOADS, garbage=GARBAGE, cuts=CUTS)
def test_every_payload_comes_out_once_and_in_order_however_it_is_cut(payloads, garbage, cuts):
    framer = Framer()
    wire = b"".join(garbage + frame(payload) for payload in payloads)

    assert [found for piece in pieces(wire, cuts) for found in framer.feed(piece)] == payloads


@given(payloads=PAYLOADS)
def test_bytes_that_come_one_at_a_time_lose_nothing(payloads):
    framer = Framer()
    wire = b"".join(map(frame, payloads))

    assert [found for byte in wire for found in framer.feed(bytes([byte]))] == payloads


def test_fifty_frames_in_one_read_are_fifty_payloads():
    assert len(Framer().feed(frame(b"MSH|a") * 50)) == 50


def test_a_start_inside_a_frame_drops_what_was_open():
    assert Framer().feed(START + b"lost" + START + START + b"kept" + END) == [b"kept"]


def test_a_start_in_a_later_read_drops_what_was_open():
    framer = Framer()
    framer.feed(START + b"lost")

    assert framer.feed(START + b"kept" + END) == [b"kept"]


def test_an_end_mark_cut_in_two_still_ends_the_frame():
    framer = Framer()

    assert framer.feed(START + b"kept\x1c") == []
    assert framer.feed(b"\x0d") == [b"kept"]


def test_a_lone_end_byte_belongs_to_the_payload():
    assert Framer().feed(frame(b"a\x1cb")) == [b"a\x1cb"]


def test_sixteen_mebibytes_pass_and_one_byte_more_does_not():
    payload = bytes(16 * 1024 * 1024)

    assert Framer().feed(frame(payload)) == [payload]
    with pytest.raises(FrameTooLargeError):
        Framer().feed(frame(payload + b"x"))


def test_a_frame_that_never_ends_is_refused_at_the_limit():
    framer = Framer(limit=10)
    framer.feed(START + bytes(10))

    with pytest.raises(FrameTooLargeError):
        framer.feed(b"xx")
