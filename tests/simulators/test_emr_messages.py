"""The sample messages: whole by the standard's own structure, and free of real people."""

from dataclasses import replace
from datetime import UTC, datetime

import hl7
import pytest
from hl7apy.exceptions import ValidationError
from hl7apy.parser import parse_message
from hypothesis import given
from hypothesis import strategies as st

from simulators.emr.datatypes import escape
from simulators.emr.messages import BUILDERS, Envelope, omp_o09, orm_o01, rde_o11, ref_i12
from simulators.emr.samples import NPI_PREFIX, Address, Coverage, Patient, Sample, npi, numbered

ENVELOPE = Envelope(control_id="ZZ1", sent_at=datetime(2026, 3, 1, 10, 15, tzinfo=UTC))


def segments(message, name):
    return [line for line in message.decode().split("\r") if line.startswith(f"{name}|")]


def field(segment, number):
    return segment.split("|")[number]


# hl7apy 1.3.5 wants every member of ORM's choice, and puts a TQ1 after RXE into the wrong group.
FALSE_ALARMS = ("ORM_O01_OBRRQDRQ1RXOODSODT_SUPPGRP.", "RDE_O11_TIMING_ENCODED")


@pytest.mark.parametrize("kind", BUILDERS)
def test_a_sample_is_valid_by_the_tables_of_its_structure(kind, tmp_path):
    message = parse_message(BUILDERS[kind](numbered(1), ENVELOPE).decode(), find_groups=True)
    report = tmp_path / "report"
    try:
        message.validate(report_file=str(report))
    except ValidationError:
        errors = [line for line in report.read_text().splitlines() if line.startswith("Error")]
        assert errors
        assert all(any(alarm in error for alarm in FALSE_ALARMS) for error in errors)


@pytest.mark.parametrize("kind", BUILDERS)
def test_a_sample_says_who_is_referred_by_whom_with_which_order(kind):
    sample = replace(Sample(), order_number="ZZ77", patient=Patient(family="ZZTESTXAVIER"))
    text = BUILDERS[kind](sample, ENVELOPE).decode()
    message = hl7.parse(text)

    assert str(message["MSH.F9.R1.C1"]) + "^" + str(message["MSH.F9.R1.C2"]) == kind
    assert str(message["PID.F5.R1.C1"]) == "ZZTESTXAVIER"
    for expected in ("ZZ77^ZZEMR", sample.prescriber.npi, "M05.79", "00074055402", "Penicillin"):
        assert expected in text
    for expected in ("|999999^^^^BIN~", "Inject 40 mg", "Tried and failed", "5550111"):
        assert expected in text.replace("~999999", "|999999")


def test_the_drug_of_an_order_stands_where_the_standard_puts_it():
    rxo = segments(omp_o09(Sample(), ENVELOPE), "RXO")[0]
    rxe = segments(rde_o11(Sample(), ENVELOPE), "RXE")[0]

    assert (field(rxo, 11), field(rxo, 13)) == ("2", "5")
    assert field(rxo, 7).startswith("^Inject")
    assert (field(rxe, 10), field(rxe, 12), field(rxe, 15)) == ("2", "5", "ZZORD1001")
    assert field(rxe, 27).startswith("M05.79^")


def test_the_days_of_supply_of_a_pharmacy_order_are_a_service_duration():
    for build in (omp_o09, rde_o11):
        assert field(segments(build(Sample(), ENVELOPE), "TQ1")[0], 6) == "28^d&day&UCUM"
    assert field(segments(orm_o01(Sample(), ENVELOPE), "ORC")[0], 7) == "^Q2W^D28^^^R"


@pytest.mark.parametrize("build", [orm_o01, omp_o09, rde_o11])
def test_an_order_can_be_cancelled_by_its_control_code(build):
    assert segments(build(Sample(), ENVELOPE, control="CA"), "ORC")[0].startswith("ORC|CA|")


def test_a_referral_can_be_cancelled_by_its_trigger():
    assert b"|REF^I14^REF_I12|" in ref_i12(Sample(stat=True), ENVELOPE, trigger="I14")


def test_numbered_samples_differ_in_patient_and_order_and_take_any_change():
    first, second = numbered(1), numbered(2, coverages=(Coverage(),))

    assert first.order_number != second.order_number
    assert first.patient.mrn != second.patient.mrn
    assert len(second.coverages) == 1


def test_a_charset_of_the_caller_is_used():
    envelope = replace(ENVELOPE, charset="8859/1", codec="latin-1")
    sample = replace(Sample(), patient=Patient(family="ZZTESTMÜLLER"))

    assert "ZZTESTMÜLLER".encode("latin-1") in ref_i12(sample, envelope)


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r")))
def test_no_text_can_break_out_of_its_field(text):
    plain = ref_i12(Sample(), ENVELOPE)
    sample = replace(Sample(), tried_and_failed=text, patient=Patient(address=Address(text)))
    message = ref_i12(sample, ENVELOPE)

    assert message.count(b"|") - plain.count(b"|") == 0
    assert message.count(b"\r") == plain.count(b"\r")


def test_delimiters_are_escaped_as_the_standard_says():
    assert escape("a|b^c&d~e\\f\ng") == "a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f\\.br\\g"


@given(st.text(alphabet="0123456789", min_size=9, max_size=9))
def test_a_made_npi_passes_the_check_that_receivers_make(digits):
    total = 0
    for place, digit in enumerate(reversed(NPI_PREFIX + npi(digits))):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value

    assert total % 10 == 0


def test_the_example_of_the_npi_rule_is_reproduced():
    assert npi("123456789") == "1234567893"
