"""PID of what we send: the numbers as received, the name as the notice has it."""

from emr_bridge.domain.outgoing import Outgoing
from emr_bridge.formats.hl7v2.builders.structure import OWN_NAMESPACE, day, escaped

SEXES = {"female": "F", "male": "M", "other": "O", "unknown": ""}
"""Table 0001. What we were not told we do not say: `U` would be an answer."""


def pid(outgoing: Outgoing) -> dict[int, str]:
    """Return the fields that are validated; `patient_ids` replaces field 3 when it is sent."""
    patient = outgoing.content.patient
    names = [patient.family_name, *patient.given_names[:2]]
    return {
        1: "1",
        3: _first_number(outgoing),
        5: "^".join(escaped(name) for name in names),
        7: day(patient.birth_date),
        8: SEXES[patient.sex or "unknown"],
    }


def both_numbers(outgoing: Outgoing) -> str:
    """Return PID-3 as received and, after it, ours: by which the two sides know the patient."""
    received = outgoing.patient_ids
    return f"{received}~{_own_number(outgoing)}" if received else ""


def _first_number(outgoing: Outgoing) -> str:
    """PID-3 is required: without any number the referral's own code stands in."""
    numbers = outgoing.content.patient.identifiers
    if outgoing.patient_ids:
        first = outgoing.patient_ids.split("~")[0].split("^")[0]
        return first or "unknown"
    if numbers:
        return "~".join(escaped(number) for number in numbers)
    return _own_number(outgoing)


def _own_number(outgoing: Outgoing) -> str:
    """Name the patient by the referral: we keep no number of patients."""
    return f"{escaped(outgoing.request.referral_code)}^^^{OWN_NAMESPACE}^PI"
