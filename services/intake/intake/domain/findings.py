"""What is missing or doubtful in a submission: pure checks, each with a question a nurse can answer.

A finding never refuses anything. Which ICD-10-CM codes exist is handed in; nothing is looked up.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date

from common.events.submission import Coverage, Submission
from intake.domain import npi

OLDEST_YEARS = 120
PHONE_DIGITS = (10, 15)
BIN_DIGITS = (6, 8)
DUPLICATE = "duplicate_of_open_referral"


@dataclass(frozen=True, slots=True)
class Finding:
    """One doubt: a code, the field that it is about, and what to ask. `related` is another referral's code."""

    code: str
    pointer: str
    question: str
    blocking: bool = True
    related: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What the checks are given beside the submission: the day, and the codes that exist."""

    today: date
    diagnoses: AbstractSet[str]


Check = Callable[[Submission, Known], Iterator[Finding]]


def patient_name(submission: Submission, _: Known) -> Iterator[Finding]:
    """Both a family and a given name are needed to know the patient."""
    patient = submission.patient
    if not _said(patient.family_name) or not any(_said(name) for name in patient.given_names):
        question = "What is the patient's full name (first and last)?"
        yield Finding("patient_name_missing", "/patient/family_name", question)


def birth_date(submission: Submission, known: Known) -> Iterator[Finding]:
    """Doubt a birth date that is absent, in the future or more than 120 years back."""
    born, pointer = submission.patient.birth_date, "/patient/birth_date"
    if born is None:
        yield Finding("birth_date_missing", pointer, "What is the patient's date of birth?")
    elif born > known.today or known.today.year - born.year > OLDEST_YEARS:
        question = "The patient's date of birth as we have it cannot be right. What is it?"
        yield Finding("birth_date_implausible", pointer, question)


def patient_phone(submission: Submission, _: Known) -> Iterator[Finding]:
    """Without a number that can be dialled nobody can arrange a delivery."""
    phones, pointer = submission.patient.phones, "/patient/phones"
    if not any(_said(phone) for phone in phones):
        question = "At which phone number can we reach the patient?"
        yield Finding("patient_phone_missing", pointer, question)
    elif not any(_can_be_dialled(phone) for phone in phones):
        question = "The patient's phone number looks incomplete. What is it, with the area code?"
        yield Finding("patient_phone_unreachable", pointer, question)


def prescriber(submission: Submission, _: Known) -> Iterator[Finding]:
    """Ask for an NPI whose check digit fits."""
    number, pointer = submission.prescriber.npi, "/prescriber/npi"
    if not _said(number):
        question = "What is the prescriber's NPI (10 digits)?"
        yield Finding("prescriber_npi_missing", pointer, question)
    elif not npi.is_valid((number or "").strip()):
        question = "The prescriber's NPI does not check out. What is the 10-digit number?"
        yield Finding("prescriber_npi_invalid", pointer, question)


def medication(submission: Submission, _: Known) -> Iterator[Finding]:
    """Ask for a drug, in words or by a code."""
    drug = submission.medication
    if not any(_said(word) for word in (drug.text, drug.ndc, drug.rxnorm)):
        question = "Which drug is prescribed (name, strength and directions)?"
        yield Finding("medication_missing", "/medication/text", question)


def diagnoses(submission: Submission, known: Known) -> Iterator[Finding]:
    """There is a diagnosis, and each code is one of ICD-10-CM."""
    if not submission.diagnoses:
        question = "For which diagnosis is the drug (ICD-10 code)?"
        yield Finding("diagnosis_missing", "/diagnoses", question)
    for place, diagnosis in enumerate(submission.diagnoses):
        if icd10cm(diagnosis.code) not in known.diagnoses:
            question = (
                f"{_which('diagnosis code', place)} that we have is not in ICD-10. Which is right?"
            )
            yield Finding("diagnosis_code_unknown", f"/diagnoses/{place}/code", question)


def coverage(submission: Submission, _: Known) -> Iterator[Finding]:
    """There is an insurance; each has a member id, and a pharmacy benefit its BIN."""
    if not submission.coverages:
        question = "Which insurance does the patient have? Please send both sides of the card."
        yield Finding("coverage_missing", "/coverages", question)
    for place, insurance in enumerate(submission.coverages):
        yield from _one_coverage(insurance, place)


def _one_coverage(insurance: Coverage, place: int) -> Iterator[Finding]:
    pointer, card = f"/coverages/{place}", _which("insurance card", place).lower()
    if not _said(insurance.member_id):
        question = f"What is the member ID on {card} of the patient?"
        yield Finding("coverage_member_id_missing", f"{pointer}/member_id", question)
    if insurance.benefit == "pharmacy" and not _is_bin(insurance.bin):
        question = f"What is the RxBIN on {card} of the patient (6 or 8 digits)?"
        yield Finding("coverage_bin_missing", f"{pointer}/bin", question, blocking=False)


def therapy(submission: Submission, _: Known) -> Iterator[Finding]:
    """Ask whether it is a new start; for one, a plan wants the drugs that were tried before."""
    if submission.therapy is None:
        question = "Is this a new start, or does the patient take the drug already?"
        yield Finding("therapy_missing", "/therapy", question, blocking=False)
    tried = submission.clinicals.tried_and_failed
    if submission.therapy != "continuation" and not tried:
        question = "Which drugs were tried before, and how did that go? The plan will ask."
        pointer = "/clinicals/tried_and_failed"
        yield Finding("tried_and_failed_missing", pointer, question, blocking=False)


CHECKS: Sequence[Check] = (
    patient_name,
    birth_date,
    patient_phone,
    prescriber,
    medication,
    diagnoses,
    coverage,
    therapy,
)


def check(submission: Submission, known: Known) -> tuple[Finding, ...]:
    """Return every finding, in the order of the form."""
    return tuple(finding for one in CHECKS for finding in one(submission, known))


def duplicate_of(code: str) -> Finding:
    """Return the finding that an open referral of the same clinic has the same patient and drug."""
    question = f"We have an open referral ({code}) for this patient and drug. Is this the same order again?"
    return Finding(DUPLICATE, "", question, blocking=False, related=code)


def blocking(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return those without which the work cannot go on."""
    return tuple(finding for finding in findings if finding.blocking)


def icd10cm(code: str) -> str:
    """Return a code as ICD-10-CM writes it: upper case, a dot after the third character."""
    bare = code.strip().upper().replace(".", "")
    return f"{bare[:3]}.{bare[3:]}" if len(bare) > 3 else bare


def _which(noun: str, place: int) -> str:
    """Return which one is meant: its words are people's data, so it is told by its place."""
    ordinals = ("The", "The second", "The third", "The fourth")
    return (
        f"{ordinals[place]} {noun}"
        if place < len(ordinals)
        else f"{noun.capitalize()} no. {place + 1}"
    )


def _said(word: str | None) -> bool:
    return bool(word and word.strip())


def _can_be_dialled(phone: str) -> bool:
    digits = re.sub(r"\D", "", phone)
    return PHONE_DIGITS[0] <= len(digits) <= PHONE_DIGITS[1] and len(set(digits)) > 1


def _is_bin(number: str | None) -> bool:
    digits = (number or "").strip()
    return digits.isascii() and digits.isdigit() and len(digits) in BIN_DIGITS
