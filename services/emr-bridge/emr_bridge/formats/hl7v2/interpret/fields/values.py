"""Data types of HL7 v2 as values of ours: dates, numbers, names, phones, coded text. No guessing."""

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from emr_bridge.formats.hl7v2.reader import Value

DAY = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?!\d{1,3}$)")
AMERICAN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
NUMBER = re.compile(r"[+-]?\d{1,12}(\.\d{1,6})?", re.ASCII)
NPI_FORM = re.compile(r"[12]\d{9}", re.ASCII)
NPI_SYSTEM = "2.16.840.1.113883.4.6"

TITLES = {"DR", "MR", "MRS", "MS", "MISS", "PROF"}
"""What senders put where the suffix belongs."""

SHORTEST_STAMP = 12
"""Digits of `YYYYMMDDHHMM`."""

USES = {"PRN", "ORN", "WPN", "VHN", "ASN", "EMR", "NET", "BPN", "PRS"}
EQUIPMENT = {"PH", "FX", "MD", "CP", "SAT", "BP", "INTERNET", "X.400", "TDD", "TTY"}


def date_of(text: str | None) -> date | None:
    """Read DT, TS and DTM (`YYYYMMDD…`), ISO 8601 and `MM/DD/YYYY`; None where it is no date."""
    if not text:
        return None
    if found := DAY.match(text):
        parts = (found[1], found[2], found[3])
    elif found := AMERICAN.fullmatch(text):
        parts = (found[3], found[1], found[2])
    else:
        return None
    try:
        return date(*(int(part) for part in parts))
    except ValueError:
        return None


def number_of(text: str | None) -> Decimal | None:
    """Read NM; None where it is no plain number."""
    return Decimal(text) if text and NUMBER.fullmatch(text) else None


def integer_of(text: str | None) -> int | None:
    """Read a whole, not negative number."""
    found = number_of(text)
    return int(found) if found is not None and found >= 0 and found == int(found) else None


def coded_text(value: Value) -> str | None:
    """Return the words of CE or CWE: text, original text, alternate text, else the code."""
    return next((text for part in (2, 9, 5, 1) if (text := value.component(part))), None)


def codes(value: Value) -> list[tuple[str, str | None, str]]:
    """Return (code, text, system in capitals) of CE or CWE, the alternate after the first."""
    triples = [(value.component(n), value.component(n + 1), value.component(n + 2)) for n in (1, 4)]
    return [(code, text, (system or "").upper()) for code, text, system in triples if code]


def name_of(value: Value, *, first: int) -> str | None:
    """Return "Given Middle Family Suffix" of XPN (`first`=1) or XCN (`first`=2)."""
    family, given, middle, suffix = (value.component(first + place) for place in range(4))
    suffix = None if suffix and suffix.rstrip(".").upper() in TITLES else suffix
    return " ".join(part for part in (given, middle, family, suffix) if part) or None


def npi_of(value: Value) -> str | None:
    """Return the NPI in XCN or PLN: what is called so, else what has its form."""
    parts = [value.component(number) for number in range(1, 15)]
    systems = [value.component(number, 2) for number in range(1, 15)]
    number = parts[0]
    if number is None:
        return None
    if "NPI" in parts[1:] or NPI_SYSTEM in parts or NPI_SYSTEM in systems:
        return number
    return number if NPI_FORM.fullmatch(number) else None


def phone_of(value: Value) -> str | None:
    """Return the number of XTN: as text, whole in 12 or 10, else country, area and local part."""
    for part in (1, 12, 10):
        text = value.component(part)
        if text and _is_number(text):
            return text
    country, area, local = (_digits(value.component(part)) for part in (5, 6, 7))
    if not local:
        return None
    extension = value.component(8)
    number = f"+{country}{area}{local}" if country else f"{area}{local}"
    return f"{number} x{extension}" if extension else number


def email_of(value: Value) -> str | None:
    """Return the address of XTN, wherever it stands."""
    return next((text for part in (4, 1) if "@" in (text := value.component(part) or "")), None)


def is_fax(value: Value) -> bool:
    """Tell whether XTN-3 says that the number is a fax machine's."""
    return (value.component(3) or "").upper() == "FX"


def is_phone_like(value: Value) -> bool:
    """Tell XTN from a person's name that stands in a phone field."""
    use, equipment = (value.component(2) or "").upper(), (value.component(3) or "").upper()
    return use in USES or equipment in EQUIPMENT or not (use and equipment)


def unique(texts: Iterable[str | None]) -> tuple[str, ...]:
    """Return the texts that are there, each once, in their order."""
    return tuple(dict.fromkeys(text for text in texts if text))


def _is_number(text: str) -> bool:
    """Tell a phone number from an address, a word, and the time stamp of a shifted field."""
    stamp = len(text) >= SHORTEST_STAMP and text.isdigit() and date_of(text) is not None
    return any(letter.isdigit() for letter in text) and "@" not in text and not stamp


def _digits(text: str | None) -> str:
    return "".join(letter for letter in text or "" if letter.isdigit())
