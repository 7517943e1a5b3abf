"""Data types of HL7 v2 as values of ours: dates, numbers, names, phones, coded text. No guessing."""

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from emr_bridge.formats.hl7v2.message import Value

DATES = (
    re.compile(r"(?P<year>\d{4})-?(?P<month>\d{2})-?(?P<day>\d{2})(?!\d{1,3}$)", re.ASCII),
    re.compile(r"(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4})$", re.ASCII),
    re.compile(
        r"(?P<month>[A-Z]{3})[A-Z]*\.? (?P<day>\d{1,2}),? (?P<year>\d{4})$",
        re.IGNORECASE | re.ASCII,
    ),
    re.compile(
        r"(?P<day>\d{1,2})[ -]?(?P<month>[A-Z]{3})[A-Z]*[ -]?(?P<year>\d{4})$",
        re.IGNORECASE | re.ASCII,
    ),
)
"""`YYYYMMDD…` and ISO 8601, `MM/DD/YYYY`, `Aug 15, 1942`, `15-AUG-1942`."""

MOMENT = re.compile(
    r"(?P<day>\d{8})(?P<hour>[01]\d|2[0-3])(?P<minute>[0-5]\d)(?P<second>[0-5]\d)?(?:\.\d{1,4})?"
    r"(?P<offset>[+-][01]\d[0-5]\d)?",
    re.ASCII,
)

NAMED = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
MONTHS = {name: str(number) for number, name in enumerate(NAMED, start=1)}
NUMBER = re.compile(r"[+-]?\d{1,12}(\.\d{1,6})?", re.ASCII)
NPI_FORM = re.compile(r"[12]\d{9}", re.ASCII)
NPI_NAMES = {
    "NPI",
    "NATIONAL PROVIDER ID",
    "NATIONAL PROVIDER IDENTIFIER",
    "2.16.840.1.113883.4.6",
}

TITLES = {"DR", "MR", "MRS", "MS", "MISS", "PROF"}
"""What senders put where the suffix belongs."""

SHORTEST_STAMP = 12
"""Digits of `YYYYMMDDHHMM`."""

SHORTEST_PHONE = 4
WHOLE_PHONE = 7
"""Digits: less than the first is no number at all, less than the second only an extension."""

USES = {"PRN", "ORN", "WPN", "VHN", "ASN", "EMR", "NET", "BPN", "PRS"}
NO_PHONES = {"INTERNET", "X.400"}
EQUIPMENT = NO_PHONES | {"PH", "FX", "MD", "CP", "SAT", "BP", "TDD", "TTY"}


def date_of(text: str | None) -> date | None:
    """Read DT, TS and DTM, and what senders write instead; None where it is no date."""
    if not text:
        return None
    for form in DATES:
        if found := form.match(text):
            break
    else:
        return None
    year, month, day = found.group("year", "month", "day")
    number = MONTHS.get(month.upper(), month)
    try:
        return date(int(year), int(number), int(day))
    except ValueError:
        return None


def moment_of(text: str | None) -> str | None:
    """Read TS and DTM with a time of day as ISO 8601; an offset only where the sender gives one."""
    found = MOMENT.fullmatch(text or "")
    if found is None or date_of(found["day"]) is None:
        return None
    day, offset = found["day"], found["offset"] or ""
    second = found["second"] or "00"
    written = f"{day[:4]}-{day[4:6]}-{day[6:]}T{found['hour']}:{found['minute']}:{second}"
    return f"{written}{offset[:3]}:{offset[3:]}" if offset else written


def number_of(text: str | None) -> Decimal | None:
    """Read NM; None where it is no plain number."""
    return Decimal(text) if text and NUMBER.fullmatch(text) else None


def integer_of(text: str | None) -> int | None:
    """Read a whole, not negative number."""
    found = number_of(text)
    return int(found) if found is not None and found >= 0 and found == int(found) else None


def coded_text(value: Value) -> str | None:
    """Return the words of CE or CWE: text, original text, alternate text, else the code."""
    if not value.raw:
        return None
    read = value.component
    return read(2) or read(9) or read(5) or read(1)


def codes(value: Value) -> list[tuple[str, str | None, str]]:
    """Return (code, text, system in capitals) of CE or CWE, the alternate after the first."""
    if not value.raw:
        return []
    said = value.several(1, 6)
    triples = (said[:3], said[3:])
    return [(code, text or None, system.upper()) for code, text, system in triples if code]


def name_of(value: Value, *, first: int) -> str | None:
    """Return "Given Middle Family Suffix" of XPN (`first`=1) or XCN (`first`=2)."""
    if not value.raw:
        return None
    family, given, middle, suffix = value.several(first, first + 3)
    if suffix.startswith("(") or suffix.rstrip(".").upper() in TITLES:
        suffix = ""
    return " ".join(filter(None, (given, middle, family, suffix))) or None


def npi_of(value: Value) -> str | None:
    """Return the NPI in XCN or PLN: what is called so, else what has its form."""
    first, second = value.component(1), value.component(2)
    names = {text.upper() for text in (*value.texts[1:14], *_systems(value)) if text}
    number = second if (first or "").upper() in NPI_NAMES else first
    is_named = number is not first or not names.isdisjoint(NPI_NAMES)
    return number if number and (is_named or NPI_FORM.fullmatch(number)) else None


def phone_of(value: Value) -> str | None:
    """Return the number of XTN: as text, whole in 12 or 10, or in parts; a whole one is preferred."""
    if not value.raw or (value.component(3) or "").upper() in NO_PHONES:
        return None
    read, short = value.component, None
    for text in (read(1), read(12), read(10), _in_parts(value)):
        length = _phone_length(text) if text else 0
        if length >= WHOLE_PHONE:
            return text
        if length >= SHORTEST_PHONE:
            short = short or text
    return short


def _in_parts(value: Value) -> str | None:
    """Put country, area, local number and extension together."""
    *written, extension = value.several(5, 8)
    country, area, local = map(_digits, written)
    if not local:
        return None
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
    return tuple(dict.fromkeys(filter(None, texts)))


def _systems(value: Value) -> list[str | None]:
    """Return the second subcomponents: the universal ids of assigning authorities."""
    mark = value.separators.subcomponent
    if not mark or mark not in value.raw:
        return []
    written = enumerate(value.components[:14], start=1)
    return [value.component(number, 2) for number, one in written if mark in one]


def _phone_length(text: str) -> int:
    """Count a number's digits; an address and the time stamp of a shifted field are no number."""
    stamp = len(text) >= SHORTEST_STAMP and text.isdigit() and date_of(text) is not None
    return 0 if stamp or "@" in text else len(_digits(text))


def _digits(text: str) -> str:
    return text if text.isdigit() else "".join(filter(str.isdigit, text))
