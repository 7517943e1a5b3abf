"""How names, numbers and codes stand on paper."""

import re
import unicodedata
from datetime import date

from common.events.people import Contact, PatientCard

SPACES = re.compile(r"\s+")
ASCII_SPACES = re.compile(r"[\x00-\x20\x7f]+")
"""Blanks and control characters; what is not ASCII has many more."""

NANP = re.compile(r"\+1(\d{3})(\d{3})(\d{4})")


def one_line(value: str) -> str:
    """Return text without line breaks: composed letters, no control characters, single spaces."""
    if value.isascii():
        return ASCII_SPACES.sub(" ", value)
    composed = unicodedata.normalize("NFC", value)
    return SPACES.sub(" ", "".join(" " if _is_control(char) else char for char in composed))


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cf", "Cs"}


def plain(value: str) -> str:
    """Return text on one line, with no space at its ends."""
    return one_line(value).strip()


def words(code: str) -> str:
    """Return a code that has no words of its own as words: `drug_not_found` is drug not found."""
    return plain(code.replace("_", " ").replace("-", " ")).lower()


def phone(number: str) -> str:
    """Return an E.164 number as it is dialled: a North American one without its country code."""
    american = NANP.fullmatch(number)
    return f"({american[1]}) {american[2]}-{american[3]}" if american else number


def patient_name(patient: PatientCard) -> str:
    """Return `Family, Given Given (born Feb 3, 1980)`, as far as it is known."""
    names = ", ".join(filter(None, (patient.family_name, " ".join(patient.given_names))))
    born = f" (born {_date(patient.birth_date)})" if patient.birth_date else ""
    return plain(names + born)


def _date(of: date) -> str:
    """Return a date that reads the same on both sides of the ocean."""
    return f"{of:%b} {of.day}, {of.year}"


def addressee(contact: Contact | None) -> str:
    """Return who a notice is for: `Ana Ruiz, referral coordinator`, or the team."""
    if contact is None or not plain(contact.name):
        return "Referral team"
    return ", ".join(filter(None, (plain(contact.name), words(contact.role))))
