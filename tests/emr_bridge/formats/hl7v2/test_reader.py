"""The reader: any bytes, every separator, null apart from empty, and the same bytes back."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emr_bridge.formats.hl7v2.charset import decode, encode, hl7_name
from emr_bridge.formats.hl7v2.reader import read
from emr_bridge.formats.hl7v2.separators import Separators, read_separators

PID = (
    r"MSH|^~\&|A|B"
    + "\r"
    + r"PID|1||77^^^CLINIC^MR~88^^^STATE^SS||ZZTEST&van^Anna^M|"
    + '""|19800102\r'
)

shapes = st.lists(
    st.sampled_from(
        [
            b"MSH|^~\\&|",
            b"MSH",
            b"PID|",
            b"OBX|1|",
            b"\r",
            b"\n",
            b"\r\n",
            b"|",
            b"^",
            b"~",
            b"&",
            b"\\.br\\",
            b"\\X41\\",
            b"\\",
            b'""',
            b"\xef\xbb\xbf",
            b"\xe9",
            b"FHS|",
            b"\x00",
            b"zz",
        ]
    ),
    max_size=40,
).map(b"".join)


def touch_everything(raw: bytes) -> None:
    message = read(raw)
    for segment in message.segments:
        for number in range(30):
            for value in segment.values(number):
                value.text()
                for component in range(1, 8):
                    value.component(component, 2)
            segment.text(number)
    assert message.to_bytes() == raw


@given(st.one_of(st.binary(max_size=300), shapes))
def test_any_bytes_are_read_without_raising_and_come_back_unchanged(raw):
    """INVARIANT: reading never raises and never loses a byte; a repair that rewrites breaks it."""
    touch_everything(raw)


def test_a_bounded_run_of_mutated_messages_is_read_without_raising():
    chance = random.Random(7)
    whole = PID.encode() * 3
    for _ in range(1500):
        raw = bytearray(whole)
        for _ in range(chance.randrange(1, 12)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        touch_everything(bytes(raw))


def test_fields_repetitions_components_and_subcomponents_are_found():
    pid = read(PID.encode()).first("PID")
    assert [value.component(1) for value in pid.values(3)] == ["77", "88"]
    assert pid.value(3).component(5) == "MR"
    assert pid.text(5) == "ZZTEST"
    assert pid.value(5).component(1, 2) == "van"
    assert pid.text(5, 2) == "Anna"
    assert pid.field(3) == "77^^^CLINIC^MR~88^^^STATE^SS"
    assert pid.text(99) is None
    assert pid.text(3, 42) is None
    assert pid.value(5).component(1, 9) is None


def test_null_is_kept_apart_from_empty():
    pid = read(PID.encode()).first("PID")
    assert pid.value(6).is_null
    assert pid.text(6) is None
    assert pid.value(6).text() is None
    assert not pid.value(8).is_null
    assert pid.values(8) == []


def test_msh_fields_are_numbered_as_the_standard_numbers_them():
    header = read(PID.encode()).first("MSH")
    assert header.field(1) == "|"
    assert header.field(2) == "^~\\&"
    assert header.text(3) == "A"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"a\F\b\S\c\T\d\R\e\E\f", "a|b^c&d~e\\f"),
        (r"line one\.br\line two", "line one\nline two"),
        (r"a\.sp\b\.sp2\c\.sp+1\d", "a\nb\n\nc\nd"),
        (r"\.in+4\text\.ti-2\\.fi\\.nf\\.sk 3\x", r"text\.sk 3\x"),
        (r"\X41C3A9\!", "Aé!"),
        (r"\H\bold\N\ and \P\ and \Zlocal\ ", r"bold and # and \Zlocal\ ".strip()),
        (r"no end \F", r"no end \F"),
        (r"\.zz9\ ", r"\.zz9\ ".strip()),
    ],
)
def test_escapes_mean_what_the_standard_says(written, meant):
    raw = "MSH|^~\\&|A\rNTE|1||" + written
    assert read(raw.encode()).first("NTE").value(3).text() == meant


def test_a_doubled_backslash_is_repaired_and_recorded():
    message = read(b"MSH|^~\\\\&|A\rNTE|1||one\\\\.br\\\\two&three")
    assert message.first("NTE").text(3) == "one\ntwo"
    assert message.first("NTE").value(3).component(1, 2) == "three"
    assert "doubled_backslash MSH-2" in message.repairs


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"MSH!$%?*!A!B\rPID!1!!77$$$C?D", "77"),
        (b"MSH|~^\\&|A\rPID|1||77~~~C", "77"),
        (b"MSH|^~\\&#|A\rPID|1||77^^^C", "77"),
        (b"MSH|^&|A\rPID|1||77^^^C", "77"),
        (b"MSH|ADT|A\rPID|1||77^^^C", "77"),
        (b"MSH||A\rPID|1||77^^^C", "77"),
        (b"MSHx^~\\&x\rPID|1||77^^^C", "77"),
    ],
)
def test_the_message_names_its_separators(raw, name):
    assert read(raw).first("PID").text(3) == name


def test_escaping_and_unescaping_cancel_out():
    separators = Separators()
    text = "a|b^c&d~e\\f\ng\x01h"
    assert separators.unescape(separators.escaped(text)) == "a|b^c&d~e\\f\ng h"
    assert separators.escaped("a\r\nb\rc") == r"a\.br\b\.br\c"
    assert Separators(escape="").unescape(r"a\F\b") == r"a\F\b"
    assert separators.encoding == "^~\\&"


def test_separators_with_letters_are_no_separators():
    assert read_separators("|", "AB") == (Separators(), "separators_unusable")
    assert read_separators("|", "") == (Separators(), None)


@pytest.mark.parametrize("ending", [b"\r", b"\n", b"\r\n", b"\r\r", b"\n\n"])
def test_every_line_end_separates_segments(ending):
    message = read(ending.join([b"MSH|^~\\&|A", b"PID|1||77", b"PV1|1", b""]))
    assert [segment.name for segment in message.segments] == ["MSH", "PID", "PV1"]
    assert ("line_ends" in message.repairs) == (b"\n" in ending)


def test_wrapped_text_stays_with_its_segment():
    message = read(b"MSH|^~\\&|A\rNTE|1||first line\nsecond line\rPID|1")
    assert message.first("NTE").text(3) == "first line\nsecond line"
    assert message.first("PID").raw == "PID|1"
    assert "wrapped_line NTE[1]" in message.repairs


def test_a_byte_order_mark_and_comments_before_the_header_are_passed_over():
    marked = read(b"\xef\xbb\xbfMSH|^~\\&|A\r")
    assert marked.first("MSH").text(3) == "A"
    assert marked.repairs == ("byte_order_mark",)
    assert read(b"/* note */\nMSH|^~\\&|A\r").first("MSH").text(3) == "A"
    assert read(b"\xef\xbb\xbfPID|1").first("PID").raw == "PID|1"


def test_very_many_segments_are_bounded_and_nothing_is_lost():
    raw = b"MSH|^~\\&|A\r" + b"NTE|\r" * 60_000
    message = read(raw)
    assert len(message.segments) == 50_001
    assert message.to_bytes() == raw


@pytest.mark.parametrize(
    ("declared", "codec", "default", "charset", "repairs"),
    [
        ("", "utf-8", "utf-8", "utf-8", ()),
        ("", "utf-8", "cp1252", "utf-8", ()),
        ("", "cp1252", "cp1252", "cp1252", ()),
        ("", "cp1252", "utf-8", "cp1252", ("charset_mislabelled MSH-18",)),
        ("8859/1", "latin-1", "utf-8", "iso8859-1", ()),
        ("8859/1", "utf-8", "utf-8", "utf-8", ("charset_mislabelled MSH-18",)),
        ("UNICODE UTF-8", "utf-8", "utf-8", "utf-8", ()),
        ("UTF-8", "latin-1", "utf-8", "cp1252", ("charset_mislabelled MSH-18",)),
        ("8859/1~8859/2", "iso8859-2", "utf-8", "iso8859-1", ()),
        ("~8859/2", "iso8859-2", "utf-8", "iso8859-2", ()),
        ("KLINGON~8859/1", "latin-1", "utf-8", "iso8859-1", ("unknown_charset MSH-18",)),
        ("KLINGON", "utf-8", "utf-8", "utf-8", ("unknown_charset MSH-18",)),
        ("ASCII", "cp1252", "no-such-codec", "cp1252", ("charset_mislabelled MSH-18",)),
        ("ASCII", "cp1252", "hex", "cp1252", ("charset_mislabelled MSH-18",)),
    ],
)
def test_the_same_name_is_read_in_every_charset(declared, codec, default, charset, repairs):
    raw = f"MSH|^~\\&|A|||||||||||||||{declared}\rPID|||||ZZTEST^Ren\u00e9e".encode(codec)
    message = read(raw, default_charset=default)
    assert message.first("PID").text(5, 2) == "Ren\u00e9e"
    assert message.charset == charset
    assert message.repairs == repairs
    assert message.to_bytes() == raw


@pytest.mark.parametrize(
    ("declared", "meant"), [("8859/1", "\u00e9"), ("", "\u00e9"), ("ASCII", "\u00e9")]
)
def test_escaped_bytes_are_read_in_the_declared_charset_or_the_links(declared, meant):
    raw = f"MSH|^~\\&|A|||||||||||||||{declared}\rNTE|1||\\XE9\\".encode()
    assert read(raw, default_charset="cp1252").first("NTE").text(3) == meant


def test_a_link_whose_default_is_plain_ascii_reads_escaped_bytes_as_utf_8():
    found = read(rb"MSH|^~\&|A" + b"\r" + rb"NTE|1||\XC3A9\\", default_charset="ascii")
    assert (found.first("NTE").text(3) or "").startswith("\u00e9")


def test_bytes_that_no_western_page_knows_are_still_text():
    assert decode(b"\x81\x8d\xff").charset == "latin-1"


def test_text_is_encoded_for_a_link_and_named_for_msh_18():
    assert encode("Ren\u00e9e \u4e2d", "8859/1") == b"Ren\xe9e ?"
    assert encode("Mro\u017cek \uff5c", "8859/1") == b"Mrozek ?"
    assert encode("Ren\u00e9e", "no-such-codec") == "Ren\u00e9e".encode()
    assert [hl7_name(name) for name in ("utf-8", "8859/1", "ascii", "cp1252", "nonsense")] == [
        "UNICODE UTF-8",
        "8859/1",
        "",
        "cp1252",
        "UNICODE UTF-8",
    ]


def test_a_japanese_message_shifts_as_msh_18_says_that_it_does():
    written = "MSH|^~\\&|A|||||||||||||||~ISO IR87\rPID|||||\u5c71\u7530"
    message = read(written.encode("iso2022_jp"))
    assert message.first("PID").text(5) == "\u5c71\u7530"
    assert (message.charset, message.repairs) == ("iso2022_jp", ())
    plain = read(b"MSH|^~\\&|A|||||||||||||||~ISO IR87\rPID|||||ZZTEST\\C2842\\X\\M244142\\")
    assert plain.first("PID").text(5) == "ZZTESTX"


def test_what_was_mended_is_told_by_code_and_place():
    raw = b"\xef\xbb\xbf// note\nMSH|^~\\&|A\r\r NTE|1||one\ntwo\rNTE|2||three\n\nPV1|1"
    message = read(raw)
    assert [segment.name for segment in message.segments] == ["MSH", "NTE", "NTE", "PV1"]
    assert message.repairs == (
        "byte_order_mark",
        "text_before_header",
        "line_ends",
        "blank_line MSH[1]",
        "blank_line NTE[2]",
        "wrapped_line NTE[1]",
    )
    assert message.to_bytes() == raw


def test_each_value_knows_where_it_stands():
    message = read(PID.encode() + b"PRD|RP|A^B\rPRD|RT|C^D\r")
    assert [value.place for value in message.first("PID").values(3)] == [
        "PID[1]-3",
        "PID[1]-3[2]",
    ]
    assert [prd.value(2).place for prd in message.all("PRD")] == ["PRD[1]-2", "PRD[2]-2"]
    assert message.first("ZZZ").value(1).place == ""


def test_a_segment_is_cut_whole_down_to_its_subcomponents():
    message = read(PID.encode())
    assert message.first("MSH").cut()[:4] == ["MSH", "|", "^~\\&", "A"]
    name = ["ZZTEST", "van"], "Anna", "M"
    numbers = ["77", "", "", "CLINIC", "MR"], ["88", "", "", "STATE", "SS"]
    number, _, held, _, named, null, born = message.first("PID").cut()[1:]
    assert (number, tuple(held), null, born) == ("1", numbers, '""', "19800102")
    assert [tuple(repetition) for repetition in named] == [name]


def test_what_a_message_without_inner_separators_holds_is_whole():
    header, pid = read(b"MSH|^|A\rPID|a^b~c&d\\F\\\r").segments
    assert header.cut()[2] == "^"
    assert [list(repetition) for repetition in pid.cut()[1]] == [["a", "b~c&d\\F\\"]]


@pytest.mark.parametrize("blanks", [b"\r", b"\r\t", b"\r\n "], ids=["CR", "CR TAB", "CR LF SP"])
def test_blanks_that_no_segment_follows_are_looked_at_once(blanks):
    """INVARIANT: no message of a megabyte takes hours: here any step back over blanks would."""
    raw = b"MSH|^~\\&|A|B\rMSA|AA|1" + blanks * 500_000 + b"x\rPID|1\r"
    message = read(raw)
    assert [segment.name for segment in message.segments] == ["MSH", "MSA", "PID"]
    assert message.to_bytes() == raw


@pytest.mark.parametrize("count", ["9" * 5000, "1+2", "+", "+" * 9 + "3"])
def test_a_count_of_lines_may_be_written_in_any_way(count):
    said = Separators().unescape(f"a\\.sp{count}\\b")
    assert said.replace("\n", "") == "ab"
    assert 1 <= said.count("\n") <= 20
