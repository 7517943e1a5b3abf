"""Each family: what its triggers become, and where its values are taken from."""

import base64

import pytest

from common.events.submission import ClinicVisit, Identifier
from emr_bridge.formats.hl7v2.interpret import EVENTS, interpret
from emr_bridge.formats.hl7v2.interpret.families import FAMILIES, MEANINGS
from emr_bridge.formats.hl7v2.interpret.fields import documents
from emr_bridge.formats.hl7v2.interpret.reading import (
    AppointmentSaid,
    CancellationAsked,
    Document,
    Doubtful,
    PatientsMerged,
    PatientTold,
    Requested,
    Results,
    StatusAsked,
    StatusTold,
)
from emr_bridge.formats.hl7v2.reader import read

PID = "PID|1||77^^^NORTH^MR||ZZTESTPATIENT^Anna||19800102|F"
PDF = b"%PDF-1.4 synthetic"


def message(kind, *segments):
    header = rf"MSH|^~\&|EPIC|NORTH|LOOP|PHARM|20260302150000||{kind}|C-1|P|2.5.1"
    return read("\r".join([header, *segments]).encode())


def reading(kind, *segments):
    return interpret(message(kind, *segments))


def test_every_type_and_event_that_is_taken_is_read_and_told_of():
    assert {name: set(events) for name, events in MEANINGS.items()} == {
        name: set(events) for name, events in EVENTS.items()
    }
    for name, triggers in FAMILIES.items():
        for event in triggers:
            assert reading(f"{name}^{event}", PID) != Doubtful("unreadable")


def test_a_change_is_a_request_that_says_so_and_wants_a_number():
    changed = reading("REF^I13", "RF1|A|R||||RF-1^EPIC", PID)
    assert isinstance(changed, Requested)
    assert (changed.is_change, changed.placer) == (True, "RF-1^EPIC")
    assert reading("REF^I13", PID) == Doubtful("change_without_number")
    order = reading("ORM^O01", PID, "ORC|XO|PL-1")
    assert isinstance(order, Requested)
    assert order.is_change
    first = reading("ORM^O01", PID, "ORC|NW|PL-1")
    assert isinstance(first, Requested)
    assert not first.is_change


def test_a_question_after_the_status_names_the_order():
    assert reading("REF^I15", "RF1|||||||", PID, "ORC||PL-1") == StatusAsked("PL-1")
    assert reading("REF^I15", PID) == Doubtful("status_request_without_number")


@pytest.mark.parametrize(
    ("orders", "meant"),
    [
        (["ORC|CA|PL-1"], CancellationAsked("PL-1")),
        (["ORC|SC|PL-1|||CA"], CancellationAsked("PL-1")),
        (["ORC|SC|PL-1|||IP"], StatusTold("PL-1", "SC", "IP")),
        (["ORC|OK|PL-1"], StatusTold("PL-1", "OK", None)),
        (["ORC|OK"], Doubtful("status_without_number")),
        (["ORC|OK|PL-1", "ORC|CA|PL-2"], Doubtful("mixed_orders")),
        ([], Doubtful("no_order")),
    ],
)
def test_a_partners_status_cancels_or_is_told(orders, meant):
    assert reading("OSU^O51", PID, *orders) == meant


def test_a_patients_update_is_the_patient_and_the_insurance_and_no_order():
    told = reading(
        "ADT^A08", PID, "IN1|1|PLAN|77|ZZPAYER||||GRP||||||||||||||||||||||||||||MEM1", "DG1|1||I10"
    )
    assert isinstance(told, PatientTold)
    assert told.submission.patient.family_name == "ZZTESTPATIENT"
    assert told.submission.coverages[0].member_id == "MEM1"
    assert told.submission.diagnoses == ()
    assert told.submission.external_ids == ()
    assert reading("ADT^A08", "PID|1||||ZZTEST^Anna") == Doubtful("no_patient")
    assert reading("ADT", PID) == Doubtful("unreadable")


def test_a_null_deletes_and_an_empty_field_does_not():
    nulls = 'PID|1||77^^^NORTH^MR||ZZTEST^""||""||||""||""||""'
    told = reading("ADT^A08", nulls, 'NK1|1|""', 'IN1|1|P|1|ZZPAYER||||""')
    assert isinstance(told, PatientTold)
    assert set(told.found.deleted) == {
        "/patient/given_names",
        "/patient/birth_date",
        "/patient/address",
        "/patient/phones",
        "/patient/email",
        "/patient/preferred_language",
        "/patient/caregiver",
        "/coverages/0/group",
    }
    empty = reading("ADT^A08", "PID|1||77^^^NORTH^MR||ZZTEST", "NK1|1|", "IN1|1|P|1|ZZPAYER")
    assert isinstance(empty, PatientTold)
    assert empty.found.deleted == ()


def test_what_is_null_in_one_place_and_said_in_another_is_not_deleted():
    found = reading("ORM^O01", PID, 'ORC|NW|P-1||||||||||""', "OBR|1" + "|" * 15 + "9^Doc^Ann")
    assert isinstance(found, Requested)
    assert found.found.deleted == ()
    gone = reading("ORM^O01", PID, 'ORC|NW|P-1||||||||||""')
    assert isinstance(gone, Requested)
    assert gone.found.deleted == ("/prescriber/name", "/prescriber/npi")


def test_a_merge_names_who_stays_and_what_is_merged():
    merged = reading("ADT^A40", PID, "MRG|66^^^NORTH^MR~5^^^STATE^PI")
    assert merged == PatientsMerged(
        patient=merged.patient,
        merged=(
            Identifier(value="66", system="NORTH", type="MR"),
            Identifier(value="5", system="STATE", type="PI"),
        ),
    )
    assert merged.patient.identifiers[0].value == "77"
    assert merged.found.places["/merged"] == "MRG[1]-1, MRG[1]-1[2]"
    assert reading("ADT^A40", PID, "MRG|") == Doubtful("merge_without_numbers")
    twice = reading("ADT^A40", PID, "MRG|66", PID, "MRG|67")
    assert twice == Doubtful("several_merges")


@pytest.mark.parametrize(
    ("trigger", "change"),
    [
        ("S12", "booked"),
        ("S13", "rescheduled"),
        ("S14", "modified"),
        ("S15", "cancelled"),
        ("S16", "discontinued"),
        ("S17", "deleted"),
        ("S26", "missed"),
    ],
)
def test_an_appointment_is_joined_by_its_numbers(trigger, change):
    sch = "SCH|PLA-1|FIL-1|||||CHECKUP^Check-up||||^^^20260309090000-0600^20260309093000-0600"
    sch += "|" * 14 + "Booked|PL-1^EPIC"
    found = reading(f"SIU^{trigger}", sch, PID, "AIL|1||ROOM^1^^NORTH", "AIP|1||9^Doc^Ann")
    assert found == AppointmentSaid(
        change=change,
        order_numbers=("PL-1",),
        appointment_id="FIL-1",
        starts="2026-03-09T09:00:00-06:00",
        ends="2026-03-09T09:30:00-06:00",
        status="Booked",
        visit=ClinicVisit(place="NORTH ROOM 1", provider="Ann Doc", reason="Check-up"),
    )
    assert found.found.places["/starts"] == "SCH[1]-11.4"
    assert found.found.places["/order_numbers"] == "SCH[1]-26"


def test_an_appointments_time_is_in_tq1_from_2_5_on_and_keeps_its_own_offset_or_none():
    found = reading("SIU^S12", "SCH||FIL-1", "TQ1|1||||||202603090900|20260309093015", PID)
    assert isinstance(found, AppointmentSaid)
    assert (found.starts, found.ends) == ("2026-03-09T09:00:00", "2026-03-09T09:30:15")
    odd = reading("SIU^S12", "SCH||FIL-1", "TQ1|1||||||20260399|tomorrow", PID)
    assert isinstance(odd, AppointmentSaid)
    assert (odd.starts, odd.ends) == (None, None)
    assert reading("SIU^S12", "SCH|", PID) == Doubtful("appointment_without_number")


def embedded(data, *, kind="ED", lead="^Application^PDF^Base64"):
    return f"OBX|1|{kind}|PDF^Lab report||{lead}^{data}||||||F"


@pytest.mark.parametrize(
    "obx",
    [
        embedded(base64.b64encode(PDF).decode()),
        embedded(base64.b64encode(PDF).decode().rstrip("="), lead="^AP^PDF^BASE64"),
        embedded(base64.b64encode(PDF).decode(), lead="^application/pdf^Base64"),
        embedded(base64.encodebytes(PDF * 1).decode().replace("\n", r"\.br\ ".strip()), kind="RP"),
        embedded(" ".join(base64.b64encode(PDF).decode()), lead="EHR^IM^PDF^base64"),
        embedded(PDF.hex().upper(), lead="^AP^PDF^Hex"),
    ],
)
def test_a_document_is_found_however_its_sender_wraps_it(obx):
    found = reading("ORU^R01", PID, "OBR|1|PL-1", obx)
    assert isinstance(found, Results)
    assert found.found.documents == (Document(PDF, "application/pdf", "Lab report"),)
    assert found.found.findings == ()


@pytest.mark.parametrize(
    ("data", "lead", "finding"),
    [
        ("!!!!not base64!!!!", "^AP^PDF^Base64", "document_not_base64 OBX[1]-5"),
        ("zzzzzzzzzz", "^AP^PDF^Hex", "document_not_hex OBX[1]-5"),
        (
            base64.b64encode(b"MZ\x90\x00\x03").decode(),
            "^AP^PDF^Base64",
            "document_of_unknown_type OBX[1]-5",
        ),
    ],
)
def test_a_document_that_cannot_be_used_is_told_of_and_not_kept(data, lead, finding):
    found = reading("ORU^R01", PID, "OBR|1|PL-1", embedded(data, lead=lead), "OBX|2|NM|CRP||12")
    assert isinstance(found, Results)
    assert (found.found.documents, found.found.findings) == ((), (finding,))
    alone = reading("ORU^R01", PID, "OBR|1|PL-1", embedded(data, lead=lead))
    assert alone == Doubtful("document_unusable")


def test_a_document_above_the_bound_is_told_of_and_not_decoded(monkeypatch):
    monkeypatch.setattr(documents, "LARGEST_BYTES", 16)
    large = embedded(base64.b64encode(PDF).decode())
    huge = embedded("QUFB" * 20)
    for obx in (large, huge):
        assert reading("ORU^R01", PID, "OBR|1|PL-1", obx) == Doubtful("document_unusable")


def test_rich_text_and_text_are_documents_too():
    rtf = r"{\rtf1 ZZTEST}"
    found = reading(
        "REF^I12",
        PID,
        embedded(base64.b64encode(rtf.encode()).decode(), lead="^TEXT^RTF^Base64"),
        embedded(r"plain \T\ simple", lead="^TEXT^TXT^A"),
    )
    assert isinstance(found, Requested)
    assert [(one.media_type, one.content) for one in found.found.documents] == [
        ("application/rtf", rtf.encode()),
        ("text/plain", b"plain & simple"),
    ]


def test_an_mdm_is_its_embedded_documents_and_its_words_as_one_text():
    found = reading(
        "MDM^T02",
        PID,
        "ORC|RE|PL-1",
        "TXA|1|CN^Consult note|TX" + "|" * 11 + "PL-9^EPIC",
        "OBX|1|TX|||First line.",
        r"OBX|2|TX|||Second \T\ last.",
        embedded(base64.b64encode(PDF).decode()),
    )
    assert isinstance(found, Results)
    assert [one.value for one in found.submission.external_ids] == ["PL-9", "PL-1"]
    assert [(one.media_type, one.name) for one in found.found.documents] == [
        ("application/pdf", "Lab report"),
        ("text/plain", "Consult note"),
    ]
    assert found.found.documents[1].content == b"First line.\nSecond & last."
    assert found.submission.clinicals.notes is None


def test_a_result_is_its_values_its_words_and_where_its_document_lies():
    found = reading(
        "ORU^R01",
        PID,
        "OBR|1|PL-1",
        "OBX|1|NM|CRP^C-reactive protein||12.5|mg/L|||||F|||20260220",
        "OBX|2||HB^Hemoglobin||13.1|g/dL",
        "OBX|3|TX|COM^Comment||Fasting.",
        r"OBX|4|RP|IMG^Image||\\server\image^Pacs^IM^DICOM".replace("\\", r"\E" + "\\"),
        "NTE|1||Repeat in May.",
    )
    assert isinstance(found, Results)
    said = found.submission.clinicals
    assert [(lab.name, lab.value, lab.unit) for lab in said.labs] == [
        ("C-reactive protein", "12.5", "mg/L"),
        ("Hemoglobin", "13.1", "g/dL"),
    ]
    assert said.notes == "Fasting.\nRepeat in May.\nDocument elsewhere: \\\\server\\image"
    assert found.found.places["/clinicals/labs"] == "OBX[1]-5, OBX[2]-5"
    assert reading("ORU^R01", "OBR|1", "OBX|1|NM|CRP||1") == Doubtful("document_without_number")
    assert reading("ORU^R01", PID) == Doubtful("document_empty")


def test_each_value_of_a_referral_tells_its_place():
    found = reading(
        "REF^I12",
        "RF1|P|R||||RF-1",
        "PRD|RT|Us^Our",
        "PRD|RP|Doc^Ann|||5035550100||1234567893^NPI",
        PID + "||||||",
        "IN1|1|PLAN|610014|ZZPAYER||||GRP" + "|" * 28 + "MEM1",
        "DG1|1||M05.79^RA^I10",
        "DG1|2||L40.0^Psoriasis^I10",
        "OBX|1|ST|DRUG||adalimumab",
        "NTE|1||Tried and failed: methotrexate, nausea",
    )
    assert isinstance(found, Requested)
    expected = {
        "/external_ids/0": "RF1[1]-6",
        "/patient/family_name": "PID[1]-5",
        "/patient/birth_date": "PID[1]-7",
        "/patient/sex": "PID[1]-8",
        "/patient/identifiers": "PID[1]-3",
        "/prescriber/name": "PRD[2]-2",
        "/prescriber/npi": "PRD[2]-7",
        "/prescriber/phone": "PRD[2]-5",
        "/coverages/0/payer": "IN1[1]-4",
        "/coverages/0/member_id": "IN1[1]-36",
        "/coverages/0/bin": "IN1[1]-3",
        "/coverages/0/group": "IN1[1]-8",
        "/diagnoses/0": "DG1[1]-3",
        "/diagnoses/1": "DG1[2]-3",
        "/medication/text": "OBX[1]-5",
        "/clinicals/tried_and_failed": "NTE[1]-3",
    }
    assert expected.items() <= found.found.places.items()


def test_a_pharmacy_order_tells_the_places_of_its_drug():
    found = reading(
        "RDE^O11",
        PID,
        "ORC|NW|P-1",
        "RXE|^BID^D30|00074055402^Drug^NDC|1|2|tab|||||60|EA|3",
        "RXR|PO^Oral",
    )
    assert isinstance(found, Requested)
    expected = {
        "/medication/text": "RXE[1]-2",
        "/medication/ndc": "RXE[1]-2",
        "/medication/quantity": "RXE[1]-10",
        "/medication/quantity_unit": "RXE[1]-11",
        "/medication/refills": "RXE[1]-12",
        "/medication/days_supply": "RXE[1]-1",
        "/medication/sig": "RXE[1]-3, RXR[1]-1, RXE[1]-1",
    }
    assert expected.items() <= found.found.places.items()


def test_a_message_without_a_patient_or_with_several_headers_is_doubtful():
    assert reading("REF^I12", "RF1|P|R||||RF-1") == Doubtful("no_patient")
    two = read(message("REF^I12", PID).to_bytes() + b"\r" + message("REF^I12", PID).to_bytes())
    assert interpret(two) == Doubtful("several_messages")


def test_documents_beyond_the_limit_are_told_of_and_bytes_that_are_no_text_are_no_document():
    one = embedded(base64.b64encode(PDF).decode())
    found = reading("ORU^R01", PID, "OBR|1|PL-1", *[one] * (documents.MOST_DOCUMENTS + 1))
    assert isinstance(found, Results)
    assert len(found.found.documents) == documents.MOST_DOCUMENTS
    assert found.found.findings == ("document_beyond_limit OBX[21]-5",)
    garbled = embedded(base64.b64encode(b"caf\xe9 in Latin").decode(), lead="^TEXT^TXT^Base64")
    assert reading("ORU^R01", PID, "OBR|1|P", garbled) == Doubtful("document_unusable")
