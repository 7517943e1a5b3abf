"""Examples of the documentation. Each can be sent as it is; all people are made up."""

from typing import Any

Example = dict[str, Any]

CLINIC: Example = {
    "name": "Lakeside Rheumatology",
    "npi": "1245319599",
    "time_zone": "America/Chicago",
    "opening_hours": [{"weekday": day, "opens": "08:00", "closes": "17:00"} for day in range(5)],
    "holidays": ["2026-12-25"],
    "fax_numbers": [{"number": "+13125550100", "verified_on": "2026-01-15"}],
    "contacts": [
        {
            "name": "Jo Reed",
            "role": "referral_coordinator",
            "phone": "+13125550199",
            "email": "jo.reed@lakeside.example",
        }
    ],
    "channels": ["emr", "fax"],
    "hl7_links": [
        {
            "id": "lakeside-epic",
            "sending_application": "EPIC",
            "sending_facility": "LAKESIDE",
            "host": "127.0.0.1",
            "port": 2600,
        }
    ],
    "promises": {"referral_received": {"within": "PT1H", "business_hours": False}},
    "baa_signed_on": "2026-01-10",
    "onboarded_on": "2026-01-20",
}

REFERRAL: Example = {
    "clinic_id": "lakeside",
    "patient": {
        "family_name": "Larkin",
        "given_names": ["Nora"],
        "birth_date": "1984-07-19",
        "sex": "female",
        "phones": ["+13125550142"],
        "address": {
            "line1": "12 Elm St",
            "city": "Chicago",
            "state": "IL",
            "postal_code": "60601",
        },
        "identifiers": [{"value": "MRN-88123", "system": "LAKESIDE", "type": "MR"}],
    },
    "coverages": [
        {
            "payer": "Prairie Health Plan",
            "member_id": "PHP4471902",
            "bin": "610014",
            "pcn": "PHP",
            "group": "EMP12",
            "benefit": "pharmacy",
            "order": 1,
        }
    ],
    "prescriber": {"npi": "1234567893", "name": "Amira Solis, MD", "phone": "+13125550110"},
    "contact": {"name": "Jo Reed", "role": "nurse", "phone": "+13125550199"},
    "medication": {
        "text": "adalimumab 40 mg/0.4 mL pen",
        "ndc": "00074055402",
        "sig": "40 mg under the skin every other week",
        "quantity": 2,
        "quantity_unit": "pen",
        "days_supply": 28,
        "refills": 5,
    },
    "diagnoses": [{"code": "M05.79", "text": "Rheumatoid arthritis, multiple sites"}],
    "therapy": "new_start",
    "clinicals": {
        "weight_kg": 68,
        "allergies": ["penicillin"],
        "tried_and_failed": [{"drug": "methotrexate", "outcome": "nausea"}],
    },
    "external_ids": [{"value": "PO-7781", "system": "LAKESIDE"}],
}

ANSWER: Example = {
    "patient": {"phones": ["+13125550143"]},
    "notes": "The patient prefers to be called after 4 pm.",
}
