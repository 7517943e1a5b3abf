"""When two referrals look like the same one, and when two patients surely are not."""

import re
import unicodedata

from common.events.submission import Medication, Patient, Submission
from common.sealing import Sealer


def index(sealer: Sealer, submission: Submission) -> str | None:
    """Return a keyed hash that equal patients with equal drugs share; None when one is not known."""
    patient = submission.patient
    name, drug = _letters(patient.family_name or ""), _drug(submission.medication)
    if not (name and patient.birth_date and drug):
        return None
    return sealer.blind_index(f"{name}|{patient.birth_date.isoformat()}|{drug}")


def is_another(one: Patient, other: Patient) -> bool:
    """Return whether two patients differ in name and in birth date; in one alone it is a correction."""
    names = _letters(one.family_name or ""), _letters(other.family_name or "")
    born = one.birth_date, other.birth_date
    return all(names) and all(born) and names[0] != names[1] and born[0] != born[1]


def _drug(medication: Medication) -> str:
    """Return the drug's first word: strengths and forms are written in too many ways to compare."""
    words: list[str] = re.findall(r"[^\W\d_]+", medication.text or "")
    if words:
        return words[0].casefold()
    return re.sub(r"\D", "", medication.ndc or "") or (medication.rxnorm or "").strip()


def _letters(name: str) -> str:
    """Return the name without accents, case, blanks and hyphens."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(filter(str.isalpha, plain))
