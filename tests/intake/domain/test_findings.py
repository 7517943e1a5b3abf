"""Each check, and the score."""

from datetime import date

import pytest
from tests.intake.builders import CODES, TODAY, a_submission, submission_json

from common.events.submission import Submission
from intake.domain.completeness import WEIGHTS, score
from intake.domain.findings import Known, blocking, check, duplicate_of, icd10cm

KNOWN = Known(today=TODAY, diagnoses=CODES)


def found(**changes):
    return {f.code: f.pointer for f in check(a_submission(**changes), KNOWN)}


def patient(**changes):
    return submission_json()["patient"] | changes


def coverages(**changes):
    return [submission_json()["coverages"][0] | changes]


def test_a_complete_referral_has_no_findings_and_a_full_score():
    findings = check(a_submission(), KNOWN)
    assert (findings, score(findings)) == ((), 100)


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"patient": patient(family_name=None)}, "patient_name_missing", "/patient/family_name"),
        ({"patient": patient(family_name="  ")}, "patient_name_missing", "/patient/family_name"),
        ({"patient": patient(given_names=[])}, "patient_name_missing", "/patient/family_name"),
        ({"patient": patient(birth_date=None)}, "birth_date_missing", "/patient/birth_date"),
        (
            {"patient": patient(birth_date="2026-03-03")},
            "birth_date_implausible",
            "/patient/birth_date",
        ),
        (
            {"patient": patient(birth_date="1899-01-01")},
            "birth_date_implausible",
            "/patient/birth_date",
        ),
        ({"patient": patient(phones=[])}, "patient_phone_missing", "/patient/phones"),
        ({"patient": patient(phones=[" "])}, "patient_phone_missing", "/patient/phones"),
        ({"patient": patient(phones=["555-0142"])}, "patient_phone_unreachable", "/patient/phones"),
        (
            {"patient": patient(phones=["0000000000"])},
            "patient_phone_unreachable",
            "/patient/phones",
        ),
        ({"prescriber": {}}, "prescriber_npi_missing", "/prescriber/npi"),
        ({"prescriber": {"npi": "1234567890"}}, "prescriber_npi_invalid", "/prescriber/npi"),
        ({"medication": {}}, "medication_missing", "/medication/text"),
        ({"diagnoses": []}, "diagnosis_missing", "/diagnoses"),
        (
            {"diagnoses": [{"code": "M05.79"}, {"code": "Z99.ZZ"}]},
            "diagnosis_code_unknown",
            "/diagnoses/1/code",
        ),
        ({"coverages": []}, "coverage_missing", "/coverages"),
        (
            {"coverages": coverages(member_id="")},
            "coverage_member_id_missing",
            "/coverages/0/member_id",
        ),
    ],
)
def test_a_gap_that_blocks_is_found_at_its_field(changes, code, pointer):
    findings = check(a_submission(**changes), KNOWN)
    assert [(f.code, f.pointer, f.blocking) for f in findings] == [(code, pointer, True)]
    assert findings[0].question.endswith(("?", "."))
    assert blocking(findings) == findings


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"coverages": coverages(bin=None)}, "coverage_bin_missing"),
        ({"coverages": coverages(bin="61001")}, "coverage_bin_missing"),
        ({"therapy": None}, "therapy_missing"),
        ({"clinicals": {}}, "tried_and_failed_missing"),
    ],
)
def test_a_doubt_that_does_not_block_is_found(changes, code):
    findings = check(a_submission(**changes), KNOWN)
    assert [(f.code, f.blocking) for f in findings] == [(code, False)]


def test_a_medical_benefit_needs_no_bin():
    assert not found(coverages=coverages(bin=None, benefit="medical"))


def test_a_continuation_needs_no_tried_drugs():
    assert not found(therapy="continuation", clinicals={})


def test_a_drug_known_by_its_code_alone_is_known():
    assert not found(medication={"ndc": "00074055402"})


def test_a_person_of_120_years_is_plausible():
    assert not found(patient=patient(birth_date="1906-01-01"))


@pytest.mark.parametrize("code", ["M0579", "m05.79", " M05.79 "])
def test_a_diagnosis_is_known_however_it_is_written(code):
    assert not found(diagnoses=[{"code": code}])


def test_a_category_code_has_no_dot():
    assert icd10cm("i10") == "I10"


def test_an_empty_submission_scores_zero_and_everything_is_asked():
    findings = check(Submission(), KNOWN)
    assert score(findings) == 0
    assert len(blocking(findings)) == 7


def test_a_gap_in_two_places_costs_once():
    findings = check(a_submission(diagnoses=[{"code": "X"}, {"code": "Y"}]), KNOWN)
    assert (len(findings), score(findings)) == (2, 90)


def test_a_duplicate_names_the_other_and_costs_nothing():
    finding = duplicate_of("ABC234")
    assert (finding.related, finding.blocking, score([finding])) == ("ABC234", False, 100)
    assert "ABC234" in finding.question


def test_every_finding_has_a_weight():
    empty = Submission.model_validate({"diagnoses": [{"code": "?"}], "coverages": [{}]})
    codes = {f.code for f in check(empty, Known(date(2026, 1, 1), frozenset()))}
    assert codes <= set(WEIGHTS)
