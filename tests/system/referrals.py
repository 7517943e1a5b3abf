"""Referrals for the system's tests; every name begins with ZZTEST."""

from typing import Any

from simulators.emr.samples import letters


def referral(clinic_id: str, number: int) -> dict[str, Any]:
    """Return a complete referral, unlike every other number's."""
    return {
        "clinic_id": clinic_id,
        "patient": {
            "family_name": f"ZZTESTREST{letters(number)}",
            "given_names": ["ZZTESTGIVEN"],
            "birth_date": "1980-02-29",
            "sex": "female",
            "phones": ["+13125550142"],
        },
        "coverages": [
            {"payer": "Example", "member_id": f"ZZTESTM{number}", "bin": "610014", "pcn": "EX"}
        ],
        "prescriber": {"npi": "1234567893", "name": "ZZTESTDOCTOR", "phone": "+13125550100"},
        "medication": {"text": "adalimumab 40 mg pen", "sig": "every other week", "quantity": "2"},
        "diagnoses": [{"code": "M05.79"}],
        "therapy": "new_start",
        "clinicals": {"tried_and_failed": [{"drug": "methotrexate", "outcome": "no response"}]},
        "external_ids": [{"value": f"ZZREST{number}", "system": "ZZ"}],
    }
