"""What a link may say of where its EMR writes things: the names of values, and how a place is written.

Shared, because the one who configures a link and the one who reads its messages must agree.
"""

import re
from collections.abc import Mapping

PLACE = re.compile(
    r"(?P<segment>[A-Z][A-Z0-9]{2})(?:\[(?P<occurrence>[1-9]\d{0,2})\])?-(?P<field>[1-9]\d{0,2})"
    r"(?:\.(?P<component>[1-9]\d?))?(?:\.(?P<subcomponent>[1-9]\d?))?"
    r"(?:\s+system\s+(?P<system>[A-Za-z0-9._-]{1,40}))?",
    re.ASCII,
)
"""`ORC-12.1`, `PRD[2]-2`, `RXO-1.1 system NDC`."""

NO_PLACE = "must be a place such as ORC-12.1 or RXO-1.1 system NDC"

KEYS: Mapping[str, str] = {
    "order_number": "/external_ids/0",
    "patient.family_name": "/patient/family_name",
    "patient.given_names": "/patient/given_names",
    "patient.birth_date": "/patient/birth_date",
    "patient.sex": "/patient/sex",
    "patient.phone": "/patient/phones",
    "patient.email": "/patient/email",
    "patient.language": "/patient/preferred_language",
    "prescriber.npi": "/prescriber/npi",
    "prescriber.name": "/prescriber/name",
    "prescriber.phone": "/prescriber/phone",
    "prescriber.fax": "/prescriber/fax",
    "contact.name": "/contact/name",
    "contact.phone": "/contact/phone",
    "drug.text": "/medication/text",
    "drug.code": "/medication/ndc",
    "drug.strength": "/medication/strength",
    "drug.sig": "/medication/sig",
    "drug.quantity": "/medication/quantity",
    "drug.quantity_unit": "/medication/quantity_unit",
    "drug.days_supply": "/medication/days_supply",
    "drug.refills": "/medication/refills",
    "diagnosis.code": "/diagnoses/0/code",
    "coverage.payer": "/coverages/0/payer",
    "coverage.member_id": "/coverages/0/member_id",
    "coverage.bin": "/coverages/0/bin",
    "coverage.pcn": "/coverages/0/pcn",
    "coverage.group": "/coverages/0/group",
}
"""What may be said to stand elsewhere, and which value of a submission it is."""

CODE_SETS: Mapping[str, tuple[tuple[str, int, tuple[int, ...]], ...]] = {
    "order_control": (("ORC", 1, (1,)),),
    "order_status": (("ORC", 5, (1,)),),
    "referral_status": (("RF1", 1, (1,)),),
    "provider_role": (("PRD", 1, (1,)),),
    "sex": (("PID", 8, (1,)),),
    "identifier_type": (("PID", 3, (5,)),),
    "diagnosis_system": (("DG1", 3, (3, 6)), ("RXE", 27, (3, 6)), ("OBR", 31, (3, 6))),
    "drug_system": (("RXE", 2, (3, 6)), ("RXO", 1, (3, 6)), ("RXD", 2, (3, 6))),
    "observation": (("OBX", 3, (1,)),),
    "appointment_status": (("SCH", 25, (1,)),),
}
"""Tables whose local codes may be told: segment, field, components that hold such a code."""


def faults(overrides: Mapping[str, str], code_sets: Mapping[str, object]) -> dict[str, str]:
    """Return what is wrong, by key: an unknown name, or a place that is not written as one."""
    found = {
        f"code_sets/{name}": _unknown(CODE_SETS) for name in code_sets.keys() - CODE_SETS.keys()
    }
    for key, written in overrides.items():
        if key not in KEYS:
            found[f"overrides/{key}"] = _unknown(KEYS)
        elif not are_places(written):
            found[f"overrides/{key}"] = NO_PLACE
    return dict(sorted(found.items()))


def are_places(written: str) -> bool:
    """Tell whether a text names one place, or several in the order in which they are tried."""
    return all(PLACE.fullmatch(place.strip()) for place in written.split(","))


def _unknown(known: Mapping[str, object]) -> str:
    return f"is not one of: {', '.join(sorted(known))}"
