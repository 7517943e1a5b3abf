"""How a message is answered, by MSH-15, MSH-16 and the link."""

import pytest

from emr_bridge.formats.hl7v2.header import read_header
from emr_bridge.formats.hl7v2.manner import manner_of

HEAD = b"MSH|^~\\&|EPIC|NORTH|LOOP|PHARM|20260101||REF^I12|M-1|P|2.5.1|||%s|%s"


def codes(accept, application, how="by-header"):
    """What is said at once and later, when it went well and when it did not."""
    manner = manner_of(read_header(HEAD % (accept, application)), how)
    at_once = tuple(
        ("C" if manner.is_enhanced else "A") if manner.wants_accept(is_error=is_error) else ""
        for is_error in (False, True)
    )
    return *at_once, *(manner.wants_application(is_error=is_error) for is_error in (False, True))


ORIGINAL = ("A", "A", False, False)


@pytest.mark.parametrize(
    ("accept", "application", "expected"),
    [
        (b"", b"", ORIGINAL),
        (b"NE", b"NE", ORIGINAL),
        (b"NE", b"AL", ORIGINAL),
        (b"", b"AL", ORIGINAL),
        (b"ACCEPT", b"ACKNOWLEDGE", ORIGINAL),
        (b"AL", b"", ("C", "C", False, False)),
        (b"AL", b"NE", ("C", "C", False, False)),
        (b"al^x", b"AL", ("C", "C", True, True)),
        (b"ER", b"SU", ("C", "C", True, False)),
        (b"SU", b"ER", ("C", "C", False, True)),
    ],
)
def test_the_sender_chooses_the_words_and_is_always_answered(accept, application, expected):
    assert codes(accept, application) == expected


@pytest.mark.parametrize(
    ("accept", "application", "expected"),
    [
        (b"", b"", ("C", "C", False, False)),
        (b"NE", b"NE", ("", "", False, False)),
        (b"NE", b"AL", ("", "", True, True)),
        (b"ER", b"AL", ("", "C", True, True)),
        (b"SU", b"ER", ("C", "", False, True)),
    ],
)
def test_an_enhanced_link_follows_table_0155_to_the_letter(accept, application, expected):
    assert codes(accept, application, "enhanced") == expected


def test_a_link_may_want_one_kind_of_answer_whatever_the_header_says():
    assert codes(b"AL", b"AL", "original") == ORIGINAL
    assert codes(b"NE", b"AL", "accept-only") == ("C", "C", False, False)
