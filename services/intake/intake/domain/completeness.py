"""How clean a referral came in: 100 means that nothing has to be asked for."""

from collections.abc import Iterable, Mapping

from intake.domain.findings import Finding

WEIGHTS: Mapping[str, int] = {
    "patient_name_missing": 15,
    "birth_date_missing": 15,
    "birth_date_implausible": 10,
    "patient_phone_missing": 10,
    "patient_phone_unreachable": 10,
    "prescriber_npi_missing": 15,
    "prescriber_npi_invalid": 10,
    "medication_missing": 20,
    "diagnosis_missing": 15,
    "diagnosis_code_unknown": 10,
    "coverage_missing": 20,
    "coverage_member_id_missing": 10,
    "coverage_bin_missing": 5,
    "therapy_missing": 5,
    "tried_and_failed_missing": 5,
    "duplicate_of_open_referral": 0,
}
"""Points that a finding costs. A duplicate is no gap in what was said."""


def score(findings: Iterable[Finding]) -> int:
    """Return 0 to 100; the same gap in several places counts once."""
    return max(0, 100 - sum(WEIGHTS[code] for code in {finding.code for finding in findings}))
