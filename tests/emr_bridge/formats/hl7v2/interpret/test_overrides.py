"""What one link writes elsewhere or in its own codes is configuration; what is wrong of it is told."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.events.overrides import CODE_SETS, KEYS
from emr_bridge.formats.hl7v2.interpret import interpret
from emr_bridge.formats.hl7v2.interpret.overrides import NONE, READERS, Overrides
from emr_bridge.formats.hl7v2.interpret.reading import (
    AppointmentSaid,
    CancellationAsked,
    Doubtful,
    Requested,
)
from emr_bridge.formats.hl7v2.reader import read

PID = "PID|1||77^^^NORTH^MR||ZZTESTPATIENT^Anna||19800102|1"


def message(*segments, kind="RDE^O11"):
    header = rf"MSH|^~\&|EPIC|NORTH|LOOP|PHARM|20260302150000||{kind}|C-1|P|2.5.1"
    return read("\r".join([header, *segments]).encode())


def submitted(places, *segments, codes=None):
    found = interpret(message(*segments), Overrides.parse(places, codes or {}))
    assert isinstance(found, Requested)
    return found.submission, found.found


def test_a_value_is_read_where_the_link_says_that_it_stands():
    said, found = submitted(
        {
            "prescriber.npi": "ORC-12.1",
            "prescriber.name": "ZPR-2",
            "drug.quantity": "RXE-11",
            "drug.code": "RXO-1.1 system NDC",
            "patient.birth_date": "ZPI-1",
            "contact.name": "ZPR-3.1",
            "contact.phone": "ZPR-4",
        },
        PID,
        "ORC|NW|P-1||||||||||D-77^Doc^Ann",
        "RXO|00074055402^Drug^L",
        "RXE||1^Drug^L|1||||||||60|EA",
        "ZPR|1|88^Zed^Zoe|Nora ZZTESTNURSE|5035550155",
        "ZPI|19810304",
    )
    assert (said.prescriber.npi, said.prescriber.name) == ("D-77", "Zoe Zed")
    assert (said.medication.quantity, said.medication.ndc) == (Decimal(60), "00074055402")
    assert said.patient.birth_date == date(1981, 3, 4)
    assert said.contact is not None
    assert (said.contact.name, said.contact.phone) == ("Nora ZZTESTNURSE", "5035550155")
    assert found.places["/prescriber/npi"] == "ORC[1]-12"
    assert found.places["/medication/quantity"] == "RXE[1]-11"
    assert found.findings == ()


def test_an_empty_place_falls_back_to_where_the_standard_puts_it():
    usual, _ = submitted({}, PID, "RXE||1^Drug^L|1||||||||60|EA")
    said, _ = submitted(
        {"drug.text": "ZDR-1, RXE-2.2", "prescriber.npi": "ZPR-9"},
        PID,
        "RXE||1^Drug^L|1||||||||60|EA",
    )
    assert said == usual


def test_the_occurrence_the_component_and_a_name_by_parts_are_respected():
    said, found = submitted(
        {"prescriber.name": "PRD[2]-2", "coverage.bin": "IN1-40.2.1", "diagnosis.code": "ZDX-1"},
        PID,
        "PRD|RP|One^Doc",
        "PRD|RP|Two^Doc",
        "IN1|1|P||ZZPAYER" + "|" * 36 + "x^610014&y",
        "DG1|1||M05.79^RA^I10",
        "ZDX|L40.0",
    )
    assert said.prescriber.name == "Doc Two"
    assert said.coverages[0].bin == "610014"
    assert said.coverages[0].payer == "ZZPAYER"
    assert (said.diagnoses[0].code, said.diagnoses[0].text) == ("L40.0", None)
    assert found.places["/prescriber/name"] == "PRD[2]-2"


def test_rxnorm_codes_are_kept_as_such():
    said, found = submitted(
        {"drug.code": "RXE-2.4 system RxNorm"}, PID, "RXE||1^Drug^L^327361^adalimumab^X"
    )
    assert (said.medication.rxnorm, said.medication.ndc) == ("327361", None)
    assert "/medication/rxnorm" in found.places


def test_the_orders_number_may_stand_anywhere_also_for_cancellations():
    overrides = Overrides.parse({"order_number": "ZRF-2"}, {})
    segments = (PID, "ORC|NW|P-1", "ZRF|1|REF-9^EPIC")
    found = interpret(message(*segments), overrides)
    assert isinstance(found, Requested)
    assert [one.value for one in found.submission.external_ids] == ["REF-9", "P-1"]
    assert found.placer == "REF-9^EPIC"
    assert found.found.places["/external_ids/0"] == "ZRF[1]-2"
    cancelled = interpret(message(PID, "ORC|CA|P-1", "ZRF|1|REF-9"), overrides)
    assert cancelled == CancellationAsked("REF-9")


def test_local_codes_are_read_as_the_standards():
    codes = {
        "diagnosis_system": {"x10": "ICD-10-CM"},
        "sex": {"1": "F"},
        "order_control": {"NEU": "NW", "STORNO": "CA"},
        "provider_role": {"REFERRER": "RP"},
    }
    said, _ = submitted(
        {},
        PID,
        "ORC|NEU|P-1",
        "PRD|REFERRER|Doc^Ann",
        "DG1|1||401^Other^I9^M05.79^RA^X10",
        codes=codes,
    )
    assert said.patient.sex == "female"
    assert said.prescriber.name == "Ann Doc"
    assert said.diagnoses[0].code == "M05.79"
    cancelled = interpret(message(PID, "ORC|STORNO|P-1"), Overrides.parse({}, codes))
    assert cancelled == CancellationAsked("P-1")
    booked = interpret(
        message("SCH||F-1" + "|" * 23 + "GEBUCHT", kind="SIU^S12"),
        Overrides.parse({}, {"appointment_status": {"gebucht": "Booked"}}),
    )
    assert isinstance(booked, AppointmentSaid)
    assert booked.status == "Booked"


def test_what_is_wrong_is_named_by_key_and_the_rest_is_used():
    overrides = Overrides.parse(
        {"prescriber.npi": "ORC 12", "drug.colour": "RXE-2", "drug.text": "RXE-2.2"},
        {"moods": {"a": "b"}, "sex": {"1": "F"}},
    )
    assert set(overrides.errors) == {
        "overrides/prescriber.npi",
        "overrides/drug.colour",
        "code_sets/moods",
    }
    assert "such as ORC-12.1" in overrides.errors["overrides/prescriber.npi"]
    assert "drug.text" in overrides.errors["overrides/drug.colour"]
    assert set(overrides.places) == {"drug.text"}
    found = interpret(message(PID, "RXE||1^Drug^L"), overrides)
    assert isinstance(found, Requested)
    assert found.found.findings == tuple(f"override_unusable {key}" for key in overrides.errors)
    assert found.submission.patient.sex == "female"


def test_every_key_writes_a_value_that_a_submission_takes():
    text = {"patient.birth_date": "19810304", "patient.sex": "F"}
    numbers = ("drug.quantity", "drug.days_supply", "drug.refills")
    for key, pointer in KEYS.items():
        written = text.get(key, "30" if key in numbers else "5035550100")
        said, found = submitted({key: "ZZZ-1.1"}, PID, f"ZZZ|{written}")
        if pointer != "/contact/phone":
            assert pointer in found.places, key
            assert said != submitted({}, PID, f"ZZZ|{written}")[0] or key == "patient.sex"
    assert set(READERS) <= set(KEYS)
    assert all(fields for fields in CODE_SETS.values())


def test_a_link_without_ways_of_its_own_changes_nothing():
    found = message(PID, "RXE||1^Drug^L")
    assert NONE.translate(found) is found
    assert interpret(found, Overrides.parse({}, {})) == interpret(found)


@pytest.mark.parametrize("key", sorted(KEYS))
@given(field=st.text(alphabet="A^&~\\1|", max_size=12))
def test_no_content_of_a_place_makes_reading_fail(key, field):
    overrides = Overrides.parse({key: "ZZZ-1.2, ZZZ-1"}, {"sex": {"1": "F~^&"}})
    found = interpret(message(PID, f"ZZZ|{field}"), overrides)
    assert isinstance(found, Requested | Doubtful)
