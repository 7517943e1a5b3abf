"""The data types of the sample messages: how HL7 2.5.1 writes a code, a name, a phone, a place."""

from datetime import date, datetime

from simulators.emr.samples import Address, Coded, Prescriber

ESCAPES = str.maketrans(
    {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\", "\n": "\\.br\\"}
)


def escape(text: str) -> str:
    """Escape the delimiters in a text (HL7 2.5.1, chapter 2.7)."""
    return text.translate(ESCAPES)


def coded(value: Coded) -> str:
    """Write a CE: code, text, system."""
    return f"{escape(value.code)}^{escape(value.text)}^{value.system}"


def phone(number: str, use: str, equipment: str) -> str:
    """Write an XTN from ten digits; use is table 0201, equipment 0202 (PH, CP, FX)."""
    return f"^{use}^{equipment}^^1^{number[:3]}^{number[3:]}"


def address(value: Address, kind: str) -> str:
    """Write an XAD; kind is table 0190 (H home, B business)."""
    street, city = escape(value.street), escape(value.city)
    return f"{street}^^{city}^{value.state}^{value.postal_code}^USA^{kind}"


def name(family: str, given: str, degree: str = "") -> str:
    """Write an XPN of type legal."""
    return f"{escape(family)}^{escape(given)}^^^^{degree}^L"


def clinician(value: Prescriber) -> str:
    """Write an XCN with the NPI."""
    authority = "NPI&2.16.840.1.113883.4.6&ISO"
    person = f"{escape(value.family)}^{escape(value.given)}"
    return f"{value.npi}^{person}^^^^MD^^{authority}^L^^^NPI"


def day(value: date | datetime) -> str:
    """Write a date."""
    return value.strftime("%Y%m%d")
