"""The National Provider Identifier's check digit (45 CFR 162.406; ISO/IEC 7812, Luhn over 80840 + NPI)."""

PREFIX = "80840"
LENGTH = 10


def is_valid(npi: str) -> bool:
    """Return whether the text is ten ASCII digits whose check digit fits."""
    if len(npi) != LENGTH or not (npi.isascii() and npi.isdigit()):
        return False
    return _luhn(PREFIX + npi) % 10 == 0


def _luhn(digits: str) -> int:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total
