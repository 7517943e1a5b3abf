"""RRI, OSU and MDM field by field: what is echoed, what is ours, and when they do not apply."""

import base64

import pypdfium2
import pytest
from hl7apy.parser import parse_message
from tests.emr_bridge.builders import link
from tests.emr_bridge.outgoings import (
    APPOINTMENT,
    CONTENT,
    PATIENT_IDS,
    PLACER,
    PROVIDER,
    REFERRAL,
    REFERRER,
    in_profile,
    outgoing,
)

from common.events.clinic import Hl7Dialect
from emr_bridge.domain.outgoing import Source, Us
from emr_bridge.formats.hl7v2.builders import Unbuildable, booking, build_report, check
from emr_bridge.formats.hl7v2.builders.order_status import order_status
from emr_bridge.formats.hl7v2.builders.referral_info import referral_info
from emr_bridge.formats.hl7v2.crosswalk import row_of
from emr_bridge.formats.hl7v2.reader import read
from emr_bridge.formats.pdf import letter

OWN_PATIENT = "R4K7QM^^^REFERRALLOOP^PI"


def words_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return "\n".join(page.get_textpage().get_text_range() for page in document)
    finally:
        document.close()


def test_rri_answers_the_ref_with_its_own_number_byte_for_byte():
    source = Source("REF^I12", "M-1", referrer=REFERRER, wants_answer=True)
    raw = build_report(in_profile("referral_received", "rri", source=source))
    message = read(raw)
    rf1 = message.first("RF1")
    assert raw.decode().split("\r")[1:3] == [
        "MSA|AA|M-1",
        f"RF1|P^Pending^HL70283|||||{PLACER}|||20260302065500-0800||{REFERRAL}^REFERRALLOOP",
    ]
    assert rf1.field(6) == PLACER
    assert [one.name for one in message.segments[:6]] == ["MSH", "MSA", "RF1", "PRD", "PRD", "PID"]
    assert f"\r{REFERRER}\r" in raw.decode()
    assert message.first("PID").field(3) == f"{PATIENT_IDS}~{OWN_PATIENT}"
    assert [note.text(3) for note in message.all("NTE")] == [
        "To: Nora ZZTESTNURSE",
        "Prior authorization denied",
        "Step therapy | not met & more",
        "- send ^ labs",
        "Reply by 3 March",
        "Referral code: R4K7QM",
    ]


def test_rri_holds_no_msa_where_no_application_acknowledgement_was_asked_for():
    """A listener may take whatever holds an MSA for an answer to itself, and say nothing."""
    assert not read(build_report(in_profile("referral_received", "rri"))).all("MSA")


def test_rri_is_a_reply_only_once_and_names_us_as_who_was_referred_to():
    us = Us(name="Rose Pharmacy", phone="+15035550199", fax="+15035550198", npi="1234567893")
    source = Source("REF^I12", "M-1", referrer=REFERRER, wants_answer=True)
    message = read(build_report(in_profile("referral_declined", "rri", us=us, source=source)))
    assert not message.all("MSA")
    receiving = message.all("PRD")[1]
    assert (receiving.text(1), receiving.text(2), receiving.field(7)) == (
        "RT",
        "Rose Pharmacy",
        "1234567893^NPI",
    )
    assert [(value.component(1), value.component(3)) for value in receiving.values(5)] == [
        ("+15035550199", "PH"),
        ("+15035550198", "FX"),
    ]
    assert message.first("RF1").field(10) == "^Prior authorization denied"


def test_rri_is_structurally_valid_for_another_library():
    values = {"placer": "RF-1^EPIC", "patient_ids": "77^^^NORTH^MR", "provider": "9^ZZDOC^Ann"}
    source = Source("REF^I12", "M-1")
    raw = build_report(in_profile("referral_scheduled", "rri", source=source, **values))
    assert parse_message(raw.decode(), find_groups=True).validate()
    assert read(raw).first("PRD").field(2) == "ZZDOC^Ann"
    bare = build_report(
        in_profile("referral_scheduled", "rri", source=source, **values | {"provider": ""})
    )
    assert read(bare).first("PRD").field(1) == "RP^Referring Provider^HL70286"


def test_osu_carries_the_order_and_is_shaped_like_360x():
    source = Source("OMG^O19", "M-1", profile_id="360X")
    raw = build_report(in_profile("referral_scheduled", "osu", booked=APPOINTMENT, source=source))
    message = read(raw)
    orc = message.first("ORC")
    assert message.first("MSH").field(9) == "OSU^O51^OSU_O51"
    assert message.first("MSH").field(21) == "360X"
    assert (orc.field(2), orc.field(3)) == (PLACER, f"{REFERRAL}^REFERRALLOOP")
    assert (orc.field(12), orc.field(15)) == (PROVIDER, "20260304070000-0800")
    assert message.first("PID").field(3) == f"{PATIENT_IDS}~{OWN_PATIENT}"
    declined = read(build_report(in_profile("referral_declined", "osu")))
    assert declined.first("ORC").field(16) == "^Prior authorization denied"
    unnumbered = in_profile("referral_declined", "osu", patient_ids="", source=None)
    assert read(build_report(unnumbered)).first("PID").field(3) == OWN_PATIENT


def test_mdm_holds_the_letter_as_a_pdf_that_opens_and_says_the_notice():
    raw = build_report(in_profile("prior_authorization_changed", "mdm"))
    message = read(raw)
    txa, obx = message.first("TXA"), message.first("OBX")
    assert (txa.field(14), txa.text(17)) == (PLACER, "AU")
    assert obx.value(5).components[1:4] == ["Application", "pdf", "Base64"]
    pdf = base64.b64decode(obx.value(5).components[4])
    said = words_of(pdf)
    for words in ("Prior authorization denied", "Step therapy | not met & more", "ZZTEST, Anna, M"):
        assert words in said
    assert "2026-03-02 06:55 PST" in said
    assert build_report(in_profile("prior_authorization_changed", "mdm")) == raw
    unborn = CONTENT.model_copy(
        update={"patient": CONTENT.patient.model_copy(update={"birth_date": None})}
    )
    page = read(build_report(in_profile("referral_received", "mdm", of=unborn))).first("OBX")
    assert "born" not in words_of(base64.b64decode(page.value(5).components[4]))


def test_a_long_letter_goes_on_to_further_pages_and_loses_no_word():
    paragraphs = [f"line{number} " + "words " * 40 for number in range(40)]
    paragraphs += ["W" * 300, "x", "(\u0141ukasz) \\ caf\u00e9 Nguy\u1ec5n"]
    pdf = letter("A (long) letter", paragraphs)
    document = pypdfium2.PdfDocument(pdf)
    pages = len(document)
    document.close()
    said = words_of(pdf)
    assert pages > 3
    assert all(f"line{number} " in said for number in range(40))
    assert said.replace("\r\n", "").count("W") == 300
    assert "caf\u00e9 Nguyen" in said


@pytest.mark.parametrize(
    ("asked", "source", "placer", "told"),
    [
        ("default", Source("REF^I12", "M-1"), PLACER, "oru"),
        ("rri", Source("REF^I12", "M-1"), PLACER, "rri"),
        ("rri", Source("ORM^O01", "M-1"), PLACER, "oru"),
        ("rri", None, "", "oru"),
        ("osu", Source("OMG^O19", "M-1"), PLACER, "osu"),
        ("osu", None, "", "oru"),
        ("mdm", None, "", "mdm"),
        ("oru", None, "", "oru"),
    ],
)
def test_a_profile_applies_where_there_is_something_to_answer(asked, source, placer, told):
    over = link(dialect=Hl7Dialect(profile=asked))
    assert outgoing(link=over, source=source, placer=placer).profile == told


def test_without_a_number_of_the_sender_there_is_no_rri_and_without_an_appointment_no_siu():
    row = row_of("referral_received", "rri")
    assert row is not None
    with pytest.raises(Unbuildable, match="RF1-6"):
        referral_info(outgoing(placer=""), row)
    with pytest.raises(Unbuildable, match="SCH"):
        booking(outgoing("referral_scheduled"))


def test_a_link_that_waits_for_the_application_asks_for_both_answers():
    message = read(
        build_report(in_profile("referral_received", "oru", dialect={"application_ack": True}))
    )
    assert (message.first("MSH").field(15), message.first("MSH").field(16)) == ("AL", "AL")
    quiet = read(build_report(in_profile("referral_received", "oru")))
    assert (quiet.first("MSH").field(15), quiet.first("MSH").field(16)) == ("", "")


@pytest.mark.parametrize("version", ["2.3.1", "2.4", "2.5", "2.5.1", "2.6"])
@pytest.mark.parametrize("profile", ["oru", "mdm", "rri", "osu"])
def test_the_links_version_is_named_and_another_library_reads_it(profile, version):
    raw = build_report(in_profile("referral_received", profile, dialect={"hl7_version": version}))
    assert read(raw).first("MSH").field(12) == version
    if profile != "osu":
        parsed = parse_message(raw.decode(), find_groups=True)
        assert parsed.name == read(raw).first("MSH").text(9, 3)


@pytest.mark.parametrize("version", ["2.3.1", "2.4"])
def test_before_2_5_an_appointments_times_stand_in_sch_11(version):
    asked = in_profile("referral_scheduled", "oru", booked=APPOINTMENT)
    over = link(dialect=Hl7Dialect(hl7_version=version))
    message = read(booking(outgoing("referral_scheduled", booked=APPOINTMENT, link=over)))
    assert not message.all("TQ1")
    assert message.first("SCH").field(11) == "^^^20260304150000+0000^20260304160000+0000"
    assert read(booking(asked)).first("TQ1").field(7) == "20260304070000-0800"


def test_what_a_hand_made_message_lacks_is_named_by_place():
    row = row_of("referral_received", "osu")
    assert row is not None
    raw = order_status(outgoing(), row)
    assert check(raw).first("ORC").text(1) == "SC"
    for broken, place in (
        (raw.replace(b"ORC|SC", b"ORC|"), "ORC-1"),
        (raw.replace(b"OSU_O51", b"OSU_O99"), "MSH-9"),
        (raw.replace(b"\rPID", b"\rPV1|1|O\rPID"), "structure"),
        (b"hello", "MSH-9"),
    ):
        with pytest.raises(Unbuildable) as refused:
            check(broken)
        assert place in refused.value.places
