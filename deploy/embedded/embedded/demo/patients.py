"""The patients of the demonstration, all made up, as the REST door takes them."""

from typing import Any

Body = dict[str, Any]

PRESCRIBER: Body = {
    "npi": "1234567893",
    "name": "Dr. Alex Morgan",
    "phone": "+13125550100",
    "fax": "+13125550101",
}
COVERAGE: Body = {
    "payer": "Example Health Plan",
    "member_id": "EHP1234567",
    "bin": "610014",
    "pcn": "EX01",
    "group": "G100",
    "benefit": "pharmacy",
    "order": 1,
}
TRIED: Body = {"drug": "methotrexate", "outcome": "inadequate response after 6 months"}


def complete() -> Body:
    """Return a referral in which nothing is missing."""
    return {
        "clinic_id": "lakeside-rheumatology",
        "patient": {
            "family_name": "Rivera",
            "given_names": ["Maria"],
            "birth_date": "1980-02-03",
            "sex": "female",
            "phones": ["+13125550142"],
            "address": {"line1": "12 Example Street", "city": "Chicago", "state": "IL"},
            "preferred_language": "en",
            "identifiers": [{"value": "MRN-1001", "system": "LAKESIDE", "type": "MR"}],
        },
        "coverages": [COVERAGE],
        "prescriber": PRESCRIBER,
        "contact": {"name": "Jane Miller", "role": "referral_coordinator"},
        "medication": {
            "text": "adalimumab 40 mg/0.4 mL pen",
            "strength": "40 mg/0.4 mL",
            "sig": "Inject 40 mg under the skin every other week",
            "quantity": "2",
            "quantity_unit": "pen",
            "days_supply": 28,
            "refills": 5,
        },
        "diagnoses": [{"code": "M05.79", "text": "Rheumatoid arthritis, multiple sites"}],
        "therapy": "new_start",
        "clinicals": {"weight_kg": "68", "allergies": ["penicillin"], "tried_and_failed": [TRIED]},
        "external_ids": [{"value": "LS-1001", "system": "LAKESIDE"}],
    }


def incomplete() -> Body:
    """Return a referral without insurance and with a prescriber number that fails its check digit."""
    body = complete() | {"clinic_id": "harbor-dermatology", "coverages": []}
    return body | {
        "patient": {
            "family_name": "O'Neill",
            "given_names": ["Zoë"],
            "birth_date": "1991-07-30",
            "sex": "female",
            "phones": ["+16175550143"],
        },
        "prescriber": {"npi": "1245319590", "name": "Dr. Priya Natarajan", "phone": "+16175550100"},
        "contact": {"name": "Robert Chen", "role": "referral_coordinator"},
        "medication": {
            "text": "infliximab 100 mg vial",
            "sig": "5 mg/kg every 8 weeks",
            "quantity": "2",
        },
        "diagnoses": [{"code": "L40.0", "text": "Psoriasis vulgaris"}],
        "external_ids": [{"value": "HB-2001", "system": "HARBOR"}],
    }


def answers() -> Body:
    """Return what the incomplete one's clinic answers."""
    return {
        "coverages": [COVERAGE],
        "prescriber": {"npi": "1245319599", "name": "Dr. Priya Natarajan", "phone": "+16175550100"},
    }


def out_of_network() -> Body:
    """Return a referral that the pharmacy cannot serve."""
    return incomplete() | {
        "patient": {
            "family_name": "Haddad",
            "given_names": ["Samir"],
            "birth_date": "1972-11-09",
            "sex": "male",
            "phones": ["+16175550144"],
        },
        "coverages": [COVERAGE],
        "prescriber": answers()["prescriber"],
        "external_ids": [{"value": "HB-2002", "system": "HARBOR"}],
    }
