"""What we send: valid by hl7apy for each kind of notice, the sender's numbers echoed byte for byte."""

import pytest
from hl7apy.core import Message
from hl7apy.parser import parse_message
from tests.emr_bridge.builders import link
from tests.emr_bridge.outgoings import APPOINTMENT, CONTENT, REFERRAL, outgoing

from common.events.people import PatientCard
from emr_bridge.formats.hl7v2.builders import Unbuildable, booking, build_report
from emr_bridge.formats.hl7v2.builders.structure import validate
from emr_bridge.formats.hl7v2.reader import read

NOTICES = [
    "referral_received",
    "information_needed",
    "prior_authorization_changed",
    "prior_authorization_pending",
    "referral_scheduled",
    "appointment_rescheduled",
    "appointment_cancelled",
    "appointment_missed",
    "referral_activated",
    "referral_declined",
    "referral_transferred",
    "referral_cancelled",
    "cancellation_overtaken",
    "shipment_reported",
]


@pytest.mark.parametrize("notice", NOTICES)
def test_every_notice_is_a_report_that_another_library_finds_valid(notice):
    raw = build_report(outgoing(notice)).decode()
    parsed = parse_message(raw, find_groups=True)
    assert parsed.validate()
    assert parsed.msh.msh_9.value == "ORU^R01^ORU_R01"


def test_a_report_says_what_happened_and_echoes_the_senders_numbers():
    raw = build_report(outgoing())
    message = read(raw)
    assert raw.decode().split("\r")[0] == (
        r"MSH|^~\&|REFERRALLOOP|PHARMACY|EPIC|NORTH|20260302150000+0000||ORU^R01^ORU_R01|"
        r"00000000000000000000|P|2.5.1||||||UNICODE UTF-8"
    )
    assert message.first("PID").field(3) == "77^^^NORTH&1.2&ISO^MR~88^^^STATE^PI^^^"
    assert message.first("PID").field(5) == "ZZTEST^Anna^M"
    assert message.first("PID").field(7) == "19800102"
    for name in ("ORC", "OBR"):
        assert message.first(name).field(2) == "PL-1^EPIC^1.2.3^ISO^^"
        assert message.first(name).field(3) == f"{REFERRAL}^REFERRALLOOP"
    assert message.first("ORC").field(12) == "9^ZZDOC^Ann^^^^MD^^X&1.2&ISO~N^ZZDOC"
    assert message.first("OBR").field(16) == message.first("ORC").field(12)
    status, update, *lines = message.all("OBX")
    assert update.value(5).components == ["referral_received", "Referral received", "L"]
    assert status.value(5).components == ["prior_authorization", "Prior authorization", "L"]
    assert [line.value(5).text() for line in lines] == [
        "To: Nora ZZTESTNURSE",
        "Prior authorization denied",
        "Step therapy | not met & more",
        "- send ^ labs",
        "Reply by 3 March",
        "Referral code: R4K7QM",
    ]
    assert [one.field(1) for one in message.all("OBX")] == [str(n) for n in range(1, 9)]


def test_without_a_correlation_the_notices_own_numbers_or_our_code_identify_the_patient():
    content = outgoing().content
    numbered = content.model_copy(
        update={"patient": PatientCard(family_name="ZZTEST", identifiers=("9^9", "10"))}
    )
    bare = outgoing(placer="", patient_ids="")
    assert read(build_report(bare)).first("PID").field(3) == "R4K7QM^^^REFERRALLOOP^PI"
    assert read(build_report(bare)).first("ORC").field(2) == ""
    numbers = (
        read(build_report(outgoing(of=numbered, placer="", patient_ids=""))).first("PID").field(3)
    )
    assert numbers == r"9\S\9~10"
    assert read(build_report(outgoing(patient_ids="^^^X"))).first("PID").field(3) == "^^^X"


def test_the_links_charset_and_addresses_are_used():
    content = outgoing().content.model_copy(
        update={"patient": PatientCard(family_name="ZZTEST\u00e9")}
    )
    latin = link(charset="8859/1", receiving_application="EMR", receiving_facility="IN")
    raw = build_report(outgoing(of=content, link=latin))
    assert b"ZZTEST\xe9" in raw
    assert b"|EMR|IN|" in raw
    assert raw.split(b"\r")[0].endswith(b"|8859/1")


@pytest.mark.parametrize(
    ("notice", "trigger", "status", "action"),
    [
        ("referral_scheduled", "S12", "Booked", "A"),
        ("appointment_rescheduled", "S13", "Booked", "U"),
        ("appointment_cancelled", "S15", "Cancelled", "D"),
        ("appointment_missed", "S26", "Noshow", "D"),
    ],
)
def test_an_appointment_is_a_booking_that_another_library_finds_valid(
    notice, trigger, status, action
):
    raw = booking(outgoing(notice, booked=APPOINTMENT))
    assert parse_message(raw.decode(), find_groups=True).validate()
    message = read(raw)
    assert message.first("MSH").field(9) == f"SIU^{trigger}^SIU_S12"
    sch = message.first("SCH")
    assert sch.field(2) == f"{APPOINTMENT.id}^REFERRALLOOP"
    assert sch.field(25) == status
    assert sch.field(26) == "PL-1^EPIC^1.2.3^ISO^^"
    assert sch.field(27) == f"{REFERRAL}^REFERRALLOOP"
    assert message.first("TQ1").field(7) == "20260304150000+0000"
    assert message.first("TQ1").field(8) == "20260304160000+0000"
    assert message.first("PID").field(3).startswith("77^^^NORTH&1.2&ISO^MR~")
    assert message.first("RGS").field(2) == action
    assert message.first("AIS").text(3, 2) == "Delivery of the drug"
    assert message.first("AIL").text(3, 4) == "12 Elm St, Portland"


def test_a_booking_without_end_and_place_is_valid_too():
    content = outgoing().content.model_copy(update={"appointment_place": None})
    open_ended = APPOINTMENT.model_copy(update={"ends_at": None, "kind": "infusion"})
    raw = booking(outgoing("referral_scheduled", of=content, booked=open_ended))
    assert parse_message(raw.decode(), find_groups=True).validate()
    assert not read(raw).all("AIL")


def test_what_is_not_valid_names_every_place_and_no_value():
    message = Message("ORU_R01", version="2.5.1")
    message.msh.msh_10 = "ZZSECRET"
    with pytest.raises(Unbuildable) as refused:
        validate(message)
    assert "MSH.MSH_9" in str(refused.value)
    assert "ZZSECRET" not in str(refused.value)


@pytest.mark.parametrize(
    ("sex", "code"), [("female", "F"), ("male", "M"), ("other", "O"), ("unknown", ""), (None, "")]
)
def test_pid_8_is_the_sex_that_the_clinic_said_and_nothing_where_it_said_none(sex, code):
    patient = CONTENT.patient.model_copy(update={"sex": sex})
    raw = build_report(outgoing(of=CONTENT.model_copy(update={"patient": patient})))
    assert read(raw).first("PID").field(8) == code
