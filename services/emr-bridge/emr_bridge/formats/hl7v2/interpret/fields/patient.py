"""The patient: PID, and who speaks for them (NK1, CTD)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from common.events.submission import Address, Caregiver, Identifier, Patient
from emr_bridge.formats.hl7v2.interpret.fields.values import (
    coded_text,
    date_of,
    email_of,
    name_of,
    phone_of,
    unique,
)
from emr_bridge.formats.hl7v2.interpret.sources import Sources
from emr_bridge.formats.hl7v2.message import Message, Segment, Value
from emr_bridge.formats.hl7v2.separators import NULL

Sex = Literal["female", "male", "other", "unknown"]

SEXES: dict[str, Sex] = {"F": "female", "M": "male", "O": "other", "A": "other", "X": "other"}
"""Table 0001; what is not here is unknown."""

SECRET_TYPES = {"SS", "SSN", "USSSA"}
"""Social security numbers are of no use to us: they are left in the message."""

FORMER_NAMES = {"A", "M", "N", "S"}
"""XPN-7 (table 0200): alias, maiden name, nickname, pseudonym."""

PHONES = (13, 14, 40)
"""PID: home, business, and (from 2.7 on) all of them."""

NO_ADDRESS = Address()

FAMILY_CONTACTS = {"C", "N", "EP"}
"""CTD-1 (table 0131): emergency contact, next of kin."""


def read(message: Message, sources: Sources | None = None) -> Patient:
    """Read PID; every part may be missing."""
    pid, sources = message.first("PID"), sources or Sources()
    name = _name(pid)
    family, given = _parts(name)
    sources.note("/patient/family_name", name)
    sources.note("/patient/given_names", *_given(name, given))
    numbers = [value for field in PHONES for value in pid.values(field)]
    phones = [(value, phone_of(value)) for value in numbers]
    sources.note("/patient/phones", *(one for one, phone in phones if phone or one.is_null))
    born, sex = pid.value(7), pid.value(8)
    sources.note("/patient/birth_date", born)
    sources.note("/patient/sex", sex)
    return Patient(
        family_name=family,
        given_names=unique(part.strip(",") for text in given for part in (text or "").split()),
        birth_date=date_of(born.component(1)),
        sex=SEXES.get((sex.component(1) or "").upper()[:1], "unknown"),
        phones=unique(phone for _, phone in phones),
        email=sources.take("/patient/email", numbers, email_of),
        address=_address(pid.values(11), sources),
        preferred_language=sources.text("/patient/preferred_language", pid.values(15)),
        caregiver=_caregiver(message, sources),
        identifiers=_identifiers(pid, sources),
    )


def _given(name: Value, given: Sequence[str | None]) -> list[Value]:
    """Return what says the given names: the name's own field, or a null in its second component."""
    if any(given) or name.is_null:
        return [name]
    return [replace(name, raw=NULL)] if NULL in name.components[1:2] else []


def _name(pid: Segment) -> Value:
    """Choose the first name that is no alias, nor a former one."""
    names = [value for value in (*pid.values(5), *pid.values(9)) if value.component(1)]
    current = [value for value in names if value.component(7) not in FORMER_NAMES]
    return (current or names or [pid.value(5)])[0]


def _parts(name: Value) -> tuple[str | None, tuple[str | None, ...]]:
    """Return family and given names; some senders write `Family, Given` into the first component."""
    family, given = name.component(1), (name.component(2), name.component(3))
    if family and not any(given) and "," in family:
        family, _, rest = family.partition(",")
        return family.strip() or None, (rest,)
    return family, given


def _identifiers(pid: Segment, sources: Sources) -> tuple[Identifier, ...]:
    """PID-3; before it was a list, PID-2 and PID-4 held the numbers."""
    found = pid.values(3) or pid.values(2) or pid.values(4)
    sources.note("/patient/identifiers", *(value for value in found if not value.is_null))
    return tuple(one for value in found if (one := identifier(value)))


def identifier(value: Value) -> Identifier | None:
    """Read CX; None without a number, and for one that is of no use to us."""
    number = value.component(1)
    if number is None or is_secret(value):
        return None
    return Identifier(value=number, system=value.component(4), type=value.component(5))


def is_secret(value: Value) -> bool:
    """Tell whether a number is one that we neither keep nor send."""
    named = {(value.component(part) or "").upper() for part in (4, 5)}
    return not SECRET_TYPES.isdisjoint(named)


def _address(values: Sequence[Value], sources: Sources) -> Address | None:
    """Take the first address with a street, else the first; the postal code may stand one too far."""
    value = next((one for one in values if one.component(1)), next(iter(values), None))
    if value is None:
        return None
    sources.note("/patient/address", value)
    street = [value.component(1, part) for part in (1, 2, 3)]
    line1 = " ".join(part for part in street if part)
    postal_code, country = value.component(5), value.component(6)
    if postal_code is None and country and any(letter.isdigit() for letter in country):
        postal_code, country = country, value.component(7)
    address = Address(
        line1=line1 or None,
        line2=value.component(2),
        city=value.component(3),
        state=value.component(4),
        postal_code=postal_code,
        country=country,
    )
    return None if address == NO_ADDRESS else address


def _caregiver(message: Message, sources: Sources) -> Caregiver | None:
    """NK1 with a name, else a CTD that is the patient's own contact."""
    for kin in message.all("NK1"):
        name = name_of(kin.value(2), first=1)
        sources.note("/patient/caregiver", kin.value(2))
        if name:
            return Caregiver(
                name=name, relationship=coded_text(kin.value(3)), phone=phone_of(kin.value(5))
            )
    for contact in message.all("CTD"):
        name = name_of(contact.value(2), first=1)
        if name and contact.text(1) in FAMILY_CONTACTS:
            sources.note("/patient/caregiver", contact.value(2))
            relationship = coded_text(contact.value(1))
            return Caregiver(name=name, relationship=relationship, phone=phone_of(contact.value(5)))
    return None
