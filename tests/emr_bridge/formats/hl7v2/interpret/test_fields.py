"""Where senders put things, and what is made of what they put there wrongly."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.events.people import Contact
from common.events.submission import (
    Address,
    Caregiver,
    Coverage,
    Diagnosis,
    Identifier,
    Prescriber,
    TriedDrug,
)
from emr_bridge.formats.hl7v2.interpret import interpret
from emr_bridge.formats.hl7v2.interpret.fields import (
    clinicals,
    contact,
    coverage,
    diagnosis,
    medication,
    numbers,
    patient,
    prescriber,
)
from emr_bridge.formats.hl7v2.interpret.fields.values import date_of, integer_of, number_of
from emr_bridge.formats.hl7v2.interpret.reading import CancellationAsked, Doubtful
from emr_bridge.formats.hl7v2.reader import read

MSH = r"MSH|^~\&|A|B|||||ORM^O01|C-7|P|2.5.1"


def message(*segments, header=MSH):
    return read("\r".join([header, *segments]).encode())


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("19800102", date(1980, 1, 2)),
        ("198001021530+0100", date(1980, 1, 2)),
        ("1980-01-02T10:00:00Z", date(1980, 1, 2)),
        ("1/2/1980", date(1980, 1, 2)),
        ("Feb 3, 1980", date(1980, 2, 3)),
        ("03-FEB-1980", date(1980, 2, 3)),
        ("19761325", None),
        ("Xyz 3, 1980", None),
        ("198001", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_dates_are_read_as_senders_write_them(text, day):
    assert date_of(text) == day


def test_numbers_that_are_none_are_none():
    assert [number_of(text) for text in ("1.5", "1e99", "NaN", "", None)] == [Decimal("1.5")] + [
        None
    ] * 4
    assert [integer_of(text) for text in ("3", "3.0", "3.5", "-1", "x")] == [3, 3, None, None, None]


@pytest.mark.parametrize(
    ("segments", "name", "npi"),
    [
        (["PRD|PP|Care^Pat", "PRD|RP|Doc^Ann||||^WPN|1234567893^NPI"], "Ann Doc", "1234567893"),
        (["PRD|RP|CARDIOLOGIST", "PV1|1|||||||12^Ref^Rex"], "Rex Ref", None),
        (["PRD|RP|CARDIOLOGIST"], "CARDIOLOGIST", None),
        (["PRD|PP||||DOC203^Healy^Diarmuid^^^Dr.^MD"], "Diarmuid Healy", None),
        (["PRD|PP||||^PRN^PH||1999999984^Seven^Sam"], "Sam Seven", "1999999984"),
        (["PRD|RP|||||1999999984^NPI"], None, None),
        (["PRD|RP||||||1999999984^NPI"], None, "1999999984"),
        (["PRD|RT|Us^Our", "PV1|1||||||1^Us^Our", "ORC|NW"], None, None),
        (["ORC|NW|||||||||||COURIER_09^Taylor^Sarah^^^Courier", "PV1|1"], None, None),
        (["ORC|NW|||||||||||^SAWYER TOM MD"], "SAWYER TOM MD", None),
        (["OBR|1|||||||||||||||8^Obr^Otto"], "Otto Obr", None),
        (["RXE||||||||||||||||", "RXO||||||||||||||9^Rx^Olga"], "Olga Rx", None),
        (["PV1|1||||||7^Att^Ada"], "Ada Att", None),
        (["CTD|RP|Doc^Cid"], "Cid Doc", None),
        (["ORC|NW|||||||||||5^Iso^Ida^^^^^^&2.16.840.1.113883.4.6&ISO"], "Ida Iso", "5"),
        (["ORC|NW|||||||||||^Dr^Test^^Dr"], "Test Dr", None),
        (["ORC|NW|||||||||||^SAWYER TOM MD", "PV1|1|||||||12^Ref^Rex"], "SAWYER TOM MD", None),
        (
            ["ORC|NW|||||||||||D1^Doc^Ann^^(X)~1417164831^Doc^Ann^^(X)^^^^National Provider ID"],
            "Ann Doc",
            "1417164831",
        ),
        (["PRD|RP|Doc^Ann", "PV1|1|||||||1999999984^Doc^Ann^^^^^^NPI"], "Ann Doc", "1999999984"),
        (["PRD|RP|Doc^Ann|||||NPI^5"], "Ann Doc", "5"),
        (["PRD||Doc^Ann"], "Ann Doc", None),
        (["RXO" + "|" * 20 + "9^Brown^Mary^^DR", "PV1|1||||||||8^Con^Sul"], "Mary Brown", None),
        (["RXO" + "|" * 20 + "J00.0^Cold^I10"], None, None),
        ([], None, None),
    ],
)
def test_the_prescriber_is_found_through_the_ordered_places(segments, name, npi):
    found = prescriber.read(message(*segments))
    assert (found.name, found.npi) == (name, npi)


@pytest.mark.parametrize(
    ("segments", "phone", "fax"),
    [
        (["PRD|RP|Doc^Ann|||5035550100~^WPN^FX^^^503^5550101"], "5035550100", "5035550101"),
        (["PRD|RP|Doc^Ann||addr|^^PLACE|^PRN^PH^^^^^^^(056)77256"], "(056)77256", None),
        (["ORC|NW|||||||||||1^Doc^Ann||5035550155", "OBR|1"], "5035550155", None),
        (["OBR|1|||||||||||||||1^Doc^Ann|20251111143000"], None, None),
        (["ORC|NW|||||||||||1^D^A||^WPN^PH^^^503^5550100^77"], "5035550100 x77", None),
        (["ORC|NW|||||||||||1^D^A||12345^WPN^PH^^1^503^5550100"], "+15035550100", None),
        (["ORC|NW|||||||||||1^D^A||(9"], None, None),
        (["ORC|NW|||||||||||1^D^A||5550100^NET^Internet"], None, None),
    ],
)
def test_the_prescribers_numbers_are_found(segments, phone, fax):
    found = prescriber.read(message(*segments))
    assert found == Prescriber(name=found.name, npi=found.npi, phone=phone, fax=fax)


def test_the_patients_numbers_come_from_the_older_fields_where_the_list_is_empty():
    assert patient.read(message("PID|1|12")).identifiers == (Identifier(value="12"),)
    assert patient.read(message("PID|1|||13")).identifiers == (Identifier(value="13"),)
    assert patient.read(message("PID|1||9^^^SS")).identifiers == ()
    assert patient.read(message()).identifiers == ()


@pytest.mark.parametrize(
    ("segments", "provider"),
    [
        (["ORC|NW|||||||||||1^Doc^Ann~N^Doc", "OBR|1" + "|" * 15 + "2^Obr"], "1^Doc^Ann~N^Doc"),
        (["OBR|1" + "|" * 15 + "2^Obr^Otto"], "2^Obr^Otto"),
        (["PRD|PP|Care", "PRD|RP|Doc^Ann^^^Dr^MD^L|||||5^NPI"], "5^Doc^Ann^^^Dr^MD"),
        (["ORC|NW" + "|" * 11 + '""', "OBR|1" + "|" * 15 + '""'], ""),
        (["PRD|RT|Us"], ""),
    ],
)
def test_who_ordered_is_kept_as_sent_for_the_way_back(segments, provider):
    assert prescriber.as_sent(message(*segments)) == provider


def test_names_and_addresses_that_stand_one_place_off_are_read():
    found = patient.read(
        message("PID|1||7||ZZTEST, Anna Lena||||||^^^^^USA~9 Rd^^Town^ST^^6012^NZ")
    )
    assert (found.family_name, found.given_names) == ("ZZTEST", ("Anna", "Lena"))
    assert found.address == Address(
        line1="9 Rd", city="Town", state="ST", postal_code="6012", country="NZ"
    )
    assert patient.read(message("PID|1||7||||||ZZTEST^Anna")).family_name == "ZZTEST"


def test_an_alias_or_maiden_name_gives_way_to_the_current_one():
    def family(field):
        return patient.read(message(f"PID|1||||{field}")).family_name

    assert family("Old^A^^^^^M~New^A^^^^^L") == "New"
    assert family("Only^A^^^^^M") == "Only"
    assert family("") is None


def test_a_family_contact_in_ctd_is_the_caregiver_and_a_clinics_is_not():
    both = message("CTD|C|Kin^Kai|||5035550199", "CTD|CP|Nurse^Nora", "NK1|1")
    assert patient.read(both).caregiver == Caregiver(
        name="Kai Kin", relationship="C", phone="5035550199"
    )
    assert contact.read(both) == Contact(name="Nora Nurse")
    assert patient.read(message("CTD|CP|Nurse^Nora")).caregiver is None
    assert contact.read(message("CTD|C|Kin^Kai")) is None


def test_who_entered_the_order_is_the_contact_when_a_name_is_given():
    assert contact.read(message("ORC|NW|||||||||U1")) is None
    assert contact.read(message("ORC|NW|||||||||1^SYSTEM^SYSTEM")) is None
    assert contact.read(message("ORC|NW|||||||||U1^Enter^Eva")) == Contact(name="Eva Enter")


def test_pharmacy_numbers_are_found_by_their_label_wherever_they_stand():
    labelled = "IN1|1|PLUS|999999^^^^BIN~A4^^^^PCN~G1^^^^RXGRP|Payer" + "|" * 32 + "M1"
    (found,) = coverage.read(message(labelled))
    assert (found.bin, found.pcn, found.group, found.member_id) == ("999999", "A4", "G1", "M1")
    (observed,) = coverage.read(
        message("OBX|1|ST|RxBIN^Rx BIN||004336", "OBX|2|ST|X^PCN||ADV", "OBX|3|ST|BIN||1")
    )
    assert observed == Coverage(bin="004336", pcn="ADV")
    (noted,) = coverage.read(message("NTE|1||RXBIN: 610014, Rx Group# G9; Member ID: W123456"))
    assert noted == Coverage(bin="610014", group="G9", member_id="W123456")
    assert coverage.read(message()) == ()


def test_a_company_id_with_the_form_of_a_bin_is_one_and_another_is_not():
    found = coverage.read(message("IN1|1|P|610014|Payer", "IN2|1", "IN1|2|MAJOR MEDICAL|60054"))
    assert [one.bin for one in found] == ["610014", None]
    assert [one.benefit for one in found] == ["pharmacy", "medical"]
    assert [one.payer for one in found] == ["Payer", "MAJOR MEDICAL"]


def test_pharmacy_numbers_that_stand_elsewhere_belong_to_the_pharmacys_coverage():
    noted = "OBX|1|TX|N^Note||RxBIN: 610014 RxPCN: A4"
    found = coverage.read(message("IN1|1|MEDICAL PPO|9|Med", "IN1|2|RX PLAN|8|Pbm", noted))
    assert [(one.payer, one.bin, one.pcn) for one in found] == [
        ("Med", None, None),
        ("Pbm", "610014", "A4"),
    ]


def test_an_in2_gives_the_member_number_that_its_in1_lacks():
    second = "IN2|1" + "|" * 60 + "PN-145"
    (found,) = coverage.read(message("IN2|stray", "IN1|1|P|X|Payer", second))
    assert found.member_id == "PN-145"


@pytest.mark.parametrize(
    ("segments", "found"),
    [
        (["DG1|1||29857009^Pain^SCT^R52^Pain^I10"], [("R52", "Pain")]),
        (["DG1|1||401.9^Hypertension^I9"], [("401.9", "Hypertension")]),
        (["DG1|1||I10|Essential hypertension"], [("I10", "Essential hypertension")]),
        (["DG1|1||^Words only"], []),
        (["DG1|1||I10", "DG1|2||I10"], [("I10", None)]),
        (["RXE|" + "|" * 26 + "K50.9^Crohn^I10"], [("K50.9", "Crohn")]),
        (["OBR|1" + "|" * 30 + "L40.0"], [("L40.0", None)]),
        (["ORC|NW" + "|" * 15 + "4338008^Wheezing^SCT"], []),
        (["RXO" + "|" * 20 + "J00^Cold^ICD-10-CM"], [("J00", "Cold")]),
        (["OBX|1|CE|29308-4^Diagnosis^LN||L20.9^Eczema^I10"], [("L20.9", "Eczema")]),
    ],
)
def test_diagnoses_are_preferred_in_icd_10_and_taken_from_orders_without_dg1(segments, found):
    wanted = tuple(Diagnosis(code=code, text=text) for code, text in found)
    assert diagnosis.read(message(*segments)) == wanted


def test_numbers_are_taken_in_the_order_of_trust_and_a_date_is_no_number():
    several = message("RF1||||||20250514", "ORC|NW|P-1^EPIC|||G-1", "OBR|1|P-1~x", "ORC|NW|P-2")
    assert [one.value for one in numbers.read(several)] == ["P-1", "P-2", "G-1"][:2] + ["G-1"][:0]
    grouped = message("ORC|NW|P-1^^1.2.3^ISO||G-1")
    assert numbers.read(grouped) == (
        Identifier(value="P-1", system="1.2.3", type="PLAC"),
        Identifier(value="G-1", type="GPN"),
    )
    assert numbers.read(message()) == (Identifier(value="C-7", system="MSH-10"),)
    assert numbers.read(message(header=r"MSH|^~\&|A")) == ()
    assert numbers.placer(message()) == ""


def test_numbers_are_echoed_in_the_standard_separators():
    other = read(b"MSH$%?*!$A\rPID$1$$7^8|9%%%A!B?8\rORC$NW$P%1")
    assert numbers.patient_ids(other) == r"7\S\8\F\9^^^A&B~8"
    assert numbers.placer(other) == "P^1"
    doubled = read(b"MSH|^~\\\\&|A\rPID|1||a\\\\T\\\\b")
    assert numbers.patient_ids(doubled) == r"a\T\b"


def test_an_order_repeated_without_orc_is_another_order():
    two = message("RXO|^Metformin", "RXO|^Lisinopril", "ORC|NW", "RXR|PO")
    assert [medication.text_of(order) for order in medication.orders(two)] == [
        "Metformin",
        "Lisinopril",
    ]
    assert clinicals.read(two, further=medication.orders(two)[1:]).notes == (
        "Also ordered in the same message: Lisinopril"
    )
    assert medication.orders(message("ORC|NW", "OBR|1")) == []


@pytest.mark.parametrize(
    ("segments", "field", "value"),
    [
        (["RXO|0074-4339-02^Drug"], "ndc", "0074-4339-02"),
        (["RXO|X1^Drug^L^12345^Drug^RxNorm"], "rxnorm", "12345"),
        (["RXO|X1^Drug^L"], "ndc", None),
        (["RXE||D^Drug|1||tab||^As needed"], "sig", "As needed"),
        (["ORC|NW||||||1^BID^D10", "RXO|D^Drug"], "sig", "BID"),
        (["ORC|NW||||||1^BID^D10", "RXO|D^Drug"], "days_supply", 10),
        (["RXO|D^Drug", "TQ1|1||Q4W|||4^weeks"], "days_supply", None),
        (["TQ1|1||||| 30 ", "RXO|D^Drug"], "days_supply", 30),
        (["RXO|D^Drug|5||mg"], "strength", None),
        (["RXO|D^Drug|15|UNT", "RXR|SC^Skin"], "sig", "15 UNT, Skin"),
        (["RXO|D^Drug|500|mg|ORAL"], "sig", "500 mg, ORAL"),
        (["RXE||D^Drug|3|6|mL"], "sig", "3-6 mL"),
        (["RXE|1^Q8H|D^Drug||1000|mg||PO^Oral^HL70162|||90|tab||0"], "sig", "1000 mg, Q8H"),
        (["RXE|1^Q8H|D^Drug||1000|mg||PO^Oral^HL70162|||90|tab||0"], "refills", 0),
        (["RXE||D^Drug|||||First~Second"], "sig", "First; Second"),
        (["RXE||D^Drug" + "|" * 19 + "1^Take one"], "sig", "Take one"),
        (["TQ1|1" + "|" * 10 + "Take one", "RXO|D^Drug"], "sig", "Take one"),
        (["RXO|D^Drug||5|mg" + "|" * 7 + "0|QD^Once^HL70335"], "sig", "5 mg, Once"),
        (["RXO|D^Drug||5|mg" + "|" * 7 + "0|QD^Once^HL70335"], "quantity", None),
        (["RXO|D^Drug||5|mg" + "|" * 7 + "0|QD^Once^HL70335"], "quantity_unit", None),
        (["RXO|D^Drug", "OBX|1|NM|RX-QUANTITY||2|pen"], "quantity", Decimal(2)),
        (["RXD|1|123^Drug^RxNorm"], "rxnorm", "123"),
        (["ORC|NW", "OBR|1|||0074-4339-02^Drug^NDC"], "text", "Drug"),
    ],
)
def test_details_of_a_drug_are_found(segments, field, value):
    found = message(*segments)
    order = medication.orders(found)[0]
    assert getattr(medication.read(order, found), field) == value


def test_a_referral_without_pharmacy_segments_names_its_drug_in_observations():
    found = message(
        "OBX|1|CE|RX-DRUG^Medication requested^L||00074055402^Humira^NDC",
        "OBX|2|TX|RX-SIG^Directions||Inject 40 mg",
        "OBX|3|NM|RX-QUANTITY||2|pen",
        "OBX|4|NM|X^Days supply||28|d",
        "OBX|5|NM|X^Refills||5",
        "OBX|6|ST|X^Strength||40|mg",
    )
    drug = medication.read(None, found)
    assert (drug.text, drug.ndc, drug.sig) == ("Humira", "00074055402", "Inject 40 mg")
    assert (drug.quantity, drug.quantity_unit) == (Decimal(2), "pen")
    assert (drug.days_supply, drug.refills, drug.strength) == (28, 5, "40 mg")
    assert clinicals.read(found) == clinicals.read(message())


def test_a_result_in_words_is_kept_whole_and_a_coded_one_by_its_words():
    found = clinicals.read(message("OBX|1|ST|A^Note||a^b", "OBX|2|CE|B^Code||C1^Words^L"))
    assert [one.value for one in found.labs] == ["a^b", "Words"]


def test_weights_in_any_unit_are_kilograms_and_unreadable_ones_are_left_out():
    def weight(*fields):
        return clinicals.read(message("OBX|1|NM|" + "|".join(fields))).weight_kg

    assert weight("29463-7", "", "70", "") == Decimal(70)
    assert weight("3141-9", "", "3000", "g") == Decimal("3.000")
    assert weight("WT^Weight", "", "heavy", "kg") is None
    assert weight("WT^Weight", "", "70", "stone") is None
    assert weight("8339-4^BIRTH WEIGHT", "", "3", "kg") is None


def test_drugs_tried_before_are_read_from_observations_and_notes():
    found = clinicals.read(
        message(
            "OBX|1|TX|X^Prior therapy||^no drug named",
            "NTE|1||Tried and failed: methotrexate, no response; ; sulfasalazine",
            "NTE|2||",
        )
    )
    assert found.tried_and_failed == (
        TriedDrug(drug="methotrexate", outcome="no response"),
        TriedDrug(drug="sulfasalazine"),
    )


def test_allergies_are_named_with_their_reaction():
    found = clinicals.read(message("AL1|1||^Latex||Rash", "IAM|1||X9", "AL1|2"))
    assert found.allergies == ("Latex (Rash)", "X9")


def test_what_is_no_supported_message_is_doubtful():
    assert interpret(read(b"hello")) == Doubtful("unreadable")
    assert interpret(message(header=r"MSH|^~\&|A|B|||||ADT^A01")) == Doubtful("unreadable")


def test_a_cancelled_referral_says_so_by_its_status_too():
    asked = message(
        "RF1|C||||||", "ORC|RE|P-1", "PID|1||7", header=MSH.replace("ORM^O01", "REF^I12")
    )
    assert interpret(asked) == CancellationAsked("P-1")


@pytest.mark.parametrize(
    ("controls", "meant"),
    [
        (["DC"], CancellationAsked("P-1")),
        (["OC", "CA"], CancellationAsked("P-1")),
        (["XR"], Doubtful("modification")),
        (["HD"], Doubtful("hold")),
        (["SC"], Doubtful("status_change")),
        (["NW", "CA"], Doubtful("mixed_orders")),
    ],
)
def test_an_order_that_is_not_simply_made_is_a_cancellation_or_for_a_person(controls, meant):
    segments = ["PID|1||7", *(f"ORC|{control}|P-1" for control in controls)]
    assert interpret(message(*segments)) == meant


@pytest.mark.parametrize("key", coverage.NOTED)
@given(data=st.data())
def test_a_note_with_a_number_has_in_it_what_is_looked_for_first(key, data):
    note = data.draw(st.from_regex(coverage.NOTED[key]))
    assert coverage.HINTS[key].search(note)


@pytest.mark.parametrize("between", ["-", "-" * 500])
def test_an_observation_is_known_by_its_name_however_it_is_spaced(between):
    observed = message(f"OBX|1|ST|RX{between}DRUG^what is asked for||apremilast")
    assert medication.read(None, observed).text == "apremilast"
