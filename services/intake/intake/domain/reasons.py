"""The closed lists of reasons, one per move that needs one (the field's words, in snake_case)."""

from enum import StrEnum


class HoldReason(StrEnum):
    """Why work pauses."""

    PRESCRIBER = "prescriber"
    PATIENT = "patient"
    CLINICAL = "clinical"
    STOCK_OUT = "stock_out"
    LIMITED_DISTRIBUTION = "limited_distribution"


class DeclineReason(StrEnum):
    """Why the pharmacy will not serve the patient."""

    OUT_OF_NETWORK = "out_of_network"
    LIMITED_DISTRIBUTION = "limited_distribution"
    OUTSIDE_SERVICE_AREA = "outside_service_area"
    NOT_STOCKED = "not_stocked"
    PRESCRIBER_NOT_VERIFIED = "prescriber_not_verified"
    DUPLICATE = "duplicate"
    OTHER = "other"


class CancelReason(StrEnum):
    """Why a referral is given up before the patient has the drug."""

    PRESCRIBER_WITHDREW = "prescriber_withdrew"
    PATIENT_DECLINED = "patient_declined"
    COST = "cost"
    INSURANCE_DENIED_FINAL = "insurance_denied_final"
    UNABLE_TO_REACH = "unable_to_reach"
    DECEASED = "deceased"
    DUPLICATE = "duplicate"
    ALTERNATIVE_THERAPY = "alternative_therapy"
    CLINICAL_CONTRAINDICATION = "clinical_contraindication"
    OTHER = "other"


class TransferReason(StrEnum):
    """Why another pharmacy takes over."""

    PAYER_MANDATED_PHARMACY = "payer_mandated_pharmacy"
    LIMITED_DISTRIBUTION_NETWORK = "limited_distribution_network"
    PATIENT_CHOICE = "patient_choice"


class DiscontinueReason(StrEnum):
    """Why an active therapy ends."""

    ADVERSE_EVENT = "adverse_event"
    THERAPY_COMPLETE = "therapy_complete"
    LACK_OF_EFFECT = "lack_of_effect"
    LOST_COVERAGE = "lost_coverage"
    DECEASED = "deceased"
    OTHER = "other"


class ShipmentTrouble(StrEnum):
    """What a carrier reports."""

    DELAYED = "delayed"
    RETURNED = "returned"


class DenialReason(StrEnum):
    """Why a plan denied a prior authorization."""

    NOT_ON_FORMULARY = "not_on_formulary"
    STEP_THERAPY_NOT_MET = "step_therapy_not_met"
    QUANTITY_LIMIT = "quantity_limit"
    DIAGNOSIS_NOT_COVERED = "diagnosis_not_covered"
    MISSING_INFORMATION = "missing_information"
    NOT_MEDICALLY_NECESSARY = "not_medically_necessary"
    OUT_OF_NETWORK_OR_LIMITED_DISTRIBUTION = "out_of_network_or_limited_distribution"
    WRONG_BENEFIT = "wrong_benefit"
    PLAN_EXCLUSION = "plan_exclusion"
    OTHER = "other"


MISSED = "missed"
"""The reason of a scheduled referral whose patient was not there."""
