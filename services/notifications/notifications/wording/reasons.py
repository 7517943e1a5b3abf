"""The words for reasons: closed tables, one per kind of notice that can have one.

A code that no table lists is told as it is, with spaces for underscores: better a plain word too
few than a clinic that is not told.
"""

from collections.abc import Mapping
from typing import Final

from notifications.wording.text import words

OTHER: Final = "please call us for details"

DENIAL: Final[Mapping[str, str]] = {
    "not_on_formulary": "the drug is not on the plan's list (formulary)",
    "step_therapy_not_met": "other drugs have to be tried first (step therapy)",
    "quantity_limit": "the quantity is above the plan's limit",
    "diagnosis_not_covered": "the plan does not cover the drug for this diagnosis",
    "missing_information": "information was missing",
    "not_medically_necessary": "the plan does not see it as medically necessary",
    "out_of_network_or_limited_distribution": (
        "the plan requires another pharmacy (out of network or limited distribution)"
    ),
    "wrong_benefit": "it was asked under the wrong benefit (medical or pharmacy)",
    "plan_exclusion": "the plan excludes this drug",
    "other": OTHER,
}

CANCELLATION: Final[Mapping[str, str]] = {
    "prescriber_withdrew": "the prescriber withdrew the prescription",
    "patient_declined": "the patient does not want the drug",
    "cost": "the cost to the patient is too high",
    "insurance_denied_final": "the health plan's denial is final",
    "unable_to_reach": "we could not reach the patient",
    "deceased": "the patient has died",
    "duplicate": "it is the same as another referral",
    "alternative_therapy": "the patient is getting another therapy",
    "clinical_contraindication": "the drug is not safe for this patient",
    "other": OTHER,
}

HOLD: Final[Mapping[str, str]] = {
    "prescriber": "the prescriber asked us to wait, or has a decision to make",
    "patient": "the patient asked us to wait, or is not ready",
    "clinical": "a clinical question is open",
    "stock_out": "the drug is out of stock",
    "limited_distribution": "the manufacturer limits which pharmacies may supply the drug",
}

TRANSFER: Final[Mapping[str, str]] = {
    "payer_mandated_pharmacy": "the health plan requires that pharmacy",
    "limited_distribution_network": "the manufacturer supplies the drug through that pharmacy only",
    "patient_choice": "the patient chose that pharmacy",
}

DISCONTINUATION: Final[Mapping[str, str]] = {
    "adverse_event": "the patient had a bad reaction to the drug",
    "therapy_complete": "the therapy is complete",
    "lack_of_effect": "the drug did not work well enough",
    "lost_coverage": "the health plan no longer covers the drug",
    "deceased": "the patient has died",
    "other": OTHER,
}

DECLINE: Final[Mapping[str, str]] = {
    "out_of_network": "we are not in the network of the patient's health plan",
    "limited_distribution": "the manufacturer does not let us supply this drug",
    "outside_service_area": "we do not serve the area where the patient lives",
    "not_stocked": "we do not carry this drug",
    "prescriber_not_verified": "we could not verify the prescriber",
    "duplicate": "it is the same as another referral",
    "other": OTHER,
}

BY_NOTICE: Final[Mapping[str, Mapping[str, str]]] = {
    "referral_declined": DECLINE,
    "referral_cancelled": CANCELLATION,
    "referral_held": HOLD,
    "referral_transferred": TRANSFER,
    "referral_discontinued": DISCONTINUATION,
}


def reason_for(notice: str, code: str | None) -> str:
    """Return why something happened in words, or nothing when no reason was given."""
    return _lookup(BY_NOTICE.get(notice, {}), code)


def denial_reason(code: str | None) -> str:
    """Return why a health plan denied, in words, or nothing when it gave no reason."""
    return _lookup(DENIAL, code)


def _lookup(table: Mapping[str, str], code: str | None) -> str:
    if not code:
        return ""
    return table.get(code.lower().replace("-", "_"), words(code))
