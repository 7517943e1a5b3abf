"""Every row of the receiver's state table, and any split of the stream."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from emr_bridge.transports.framer import Broken, Frame, Framer, TooLarge, framed

LIMIT = 16 * 1024 * 1024

payloads = st.lists(
    st.binary(max_size=200).map(lambda raw: raw.replace(b"\x0b", b".").replace(b"\x1c", b".")),
    max_size=8,
)
noise = st.binary(max_size=20).map(lambda raw: raw.replace(b"\x0b", b"."))


def feed_in_portions(framer: Framer, stream: bytes, cuts: list[int]) -> list[object]:
    found: list[object] = []
    places = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    for left, right in itertools.pairwise(places):
        found += framer.feed(stream[left:right])
    return found


@given(payloads, noise, st.lists(st.integers(0, 2000), max_size=20))
def test_frames_come_back_whatever_the_portions_and_the_noise_between(messages, between, cuts):
    stream = between + b"".join(framed(payload) + between for payload in messages)
    found = feed_in_portions(Framer(max_bytes=LIMIT), stream, cuts)
    assert found == [Frame(payload) for payload in messages]


@given(st.binary(max_size=500), st.lists(st.integers(0, 500), max_size=20), st.booleans())
def test_any_bytes_in_any_portions_give_the_same_as_in_one(stream, cuts, tolerant):
    whole = Framer(max_bytes=50, max_garbage=100, tolerate_missing_return=tolerant)
    parts = Framer(max_bytes=50, max_garbage=100, tolerate_missing_return=tolerant)

    def said(found):
        return [item for item in found if isinstance(item, Frame)]

    at_once, in_portions = whole.feed(stream), feed_in_portions(parts, stream, cuts)
    assert said(at_once) == said(in_portions)
    assert whole.closed == parts.closed


def test_a_message_byte_by_byte_is_one_frame():
    framer = Framer(max_bytes=LIMIT)
    found = [item for byte in framed(b"MSH|1") for item in framer.feed(bytes([byte]))]
    assert found == [Frame(b"MSH|1")]


def test_frames_that_come_to_nothing_one_after_the_other_close_the_link():
    """INVARIANT: a peer cannot have us speak of each of its bytes."""
    for nothing in (b"\x0b", b"\x0b\x1cx"):
        framer = Framer(max_bytes=LIMIT)
        found = framer.feed(nothing * 100_000)
        assert framer.closed
        assert len(found) <= 101
        assert found[-1] == Broken("too_many_broken", 100)


def test_a_whole_frame_makes_good_for_those_that_came_to_nothing():
    framer = Framer(max_bytes=LIMIT)
    for _ in range(10):
        found = framer.feed(b"\x0b" * 60 + framed(b"MSH|1"))
        assert found[-1] == Frame(b"MSH|1")
    assert not framer.closed


def test_fifty_frames_in_one_read_are_fifty_frames():
    assert len(Framer(max_bytes=LIMIT).feed(framed(b"MSH|1") * 50)) == 50


def test_an_end_block_split_over_two_reads_ends_the_frame():
    framer = Framer(max_bytes=LIMIT)
    assert framer.feed(b"\x0bMSH\x1c") == []
    assert framer.inside
    assert framer.feed(b"\r") == [Frame(b"MSH")]
    assert not framer.inside


def test_a_second_start_block_drops_what_was_begun():
    found = Framer(max_bytes=LIMIT).feed(b"\x0bMSH|lost" + framed(b"MSH|kept"))
    assert found == [Broken("restarted", 8), Frame(b"MSH|kept")]


def test_doubled_framing_bytes_still_give_one_frame():
    found = Framer(max_bytes=LIMIT).feed(b"\x0b\x0bMSH|1\x1c\r\x1c\r")
    assert [item for item in found if isinstance(item, Frame)] == [Frame(b"MSH|1")]


def test_an_end_byte_within_the_text_breaks_the_frame_instead_of_cutting_the_message_short():
    for tolerant in (True, False):
        framer = Framer(max_bytes=LIMIT, tolerate_missing_return=tolerant)
        assert framer.feed(b"\x0bMSH|a\x1cb\x1c\r") == [Broken("no_return", 5)]


def test_a_missing_return_is_tolerated_where_the_next_frame_starts():
    assert Framer(max_bytes=LIMIT).feed(b"\x0bone\x1c\x0btwo\x1c\r") == [
        Frame(b"one"),
        Frame(b"two"),
    ]
    strict = Framer(max_bytes=LIMIT, tolerate_missing_return=False)
    assert strict.feed(b"\x0bone\x1c\x0btwo\x1c\r") == [Broken("no_return", 3), Frame(b"two")]


def test_silence_completes_a_frame_that_lacks_only_its_return():
    framer = Framer(max_bytes=LIMIT)
    framer.feed(b"\x0bone\x1c")
    assert framer.settle() == [Frame(b"one")]
    assert not framer.inside
    assert framer.settle() == []


def test_silence_in_the_middle_of_a_frame_drops_it():
    framer = Framer(max_bytes=LIMIT)
    framer.feed(b"\x0bone")
    assert framer.settle() == [Broken("unfinished", 3)]
    assert framer.feed(framed(b"two")) == [Frame(b"two")]


def test_a_message_of_exactly_the_limit_passes_and_one_byte_more_does_not():
    for size in (200 * 1024, 5 * 1024 * 1024, LIMIT):
        assert Framer(max_bytes=LIMIT).feed(framed(b"M" * size)) == [Frame(b"M" * size)]
    framer = Framer(max_bytes=LIMIT)
    (found,) = framer.feed(framed(b"M" * (LIMIT + 1)))
    assert isinstance(found, TooLarge)
    assert found.head == b"M" * 4096
    assert framer.closed
    assert framer.feed(framed(b"more")) == []


def test_the_limit_holds_before_the_end_is_seen():
    framer = Framer(max_bytes=10)
    assert isinstance(framer.feed(b"\x0b" + b"M" * 11)[0], TooLarge)


def test_too_much_garbage_closes_the_link():
    framer = Framer(max_bytes=LIMIT, max_garbage=10)
    assert framer.feed(b"GET / HTTP/1.1\r\n") == [Broken("too_much_garbage", 16)]
    assert framer.closed


def test_garbage_is_counted_between_frames_not_over_the_life_of_a_link():
    framer = Framer(max_bytes=LIMIT, max_garbage=10)
    for _ in range(5):
        assert framer.feed(b"\r\n\r\n\r\n" + framed(b"x")) == [Frame(b"x")]
