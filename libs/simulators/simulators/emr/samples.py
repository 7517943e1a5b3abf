"""What a sample referral is about: synthetic people, coverage and drugs, all parameters.

Family names begin with ZZTEST so that a search can find them where they must not be; phone
numbers are 555-01xx, and the NPI is the example of the CMS check digit rule.
"""

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

NPI_PREFIX = "80840"


def npi(nine_digits: str) -> str:
    """Complete nine digits to an NPI with its Luhn check digit (45 CFR 162.406, prefix 80840)."""
    doubled = [
        sum(divmod(int(digit) * 2, 10)) if place % 2 == 0 else int(digit)
        for place, digit in enumerate(reversed(NPI_PREFIX + nine_digits))
    ]
    return f"{nine_digits}{-sum(doubled) % 10}"


@dataclass(frozen=True, slots=True)
class Address:
    """A US postal address."""

    street: str = "45 ZZTEST AVE"
    city: str = "BOSTON"
    state: str = "MA"
    postal_code: str = "02118"


@dataclass(frozen=True, slots=True)
class Patient:
    """The patient; phones are ten digits."""

    mrn: str = "ZZ100001"
    family: str = "ZZTESTPATIENT"
    given: str = "JANE"
    born: date = date(1980, 2, 29)
    sex: str = "F"
    home_phone: str = "6175550142"
    mobile_phone: str = "6175550143"
    address: Address = Address()


@dataclass(frozen=True, slots=True)
class Prescriber:
    """The referring prescriber and the clinic; phones are ten digits."""

    npi: str = npi("123456789")
    family: str = "ZZTESTDOCTOR"
    given: str = "ANNE"
    clinic: str = "ZZTEST RHEUMATOLOGY"
    phone: str = "6175550110"
    fax: str = "6175550000"
    address: Address = Address("1 ZZTEST PLAZA", "BOSTON", "MA", "02115")


@dataclass(frozen=True, slots=True)
class Contact:
    """Who at the clinic is to be called."""

    family: str = "ZZTESTNURSE"
    given: str = "CARL"
    phone: str = "6175550111"


@dataclass(frozen=True, slots=True)
class Coverage:
    """One insurance; BIN and PCN are empty for a medical one."""

    plan: str = "ZZTEST MEDICAL PPO"
    payer_id: str = "99999"
    payer: str = "ZZTEST HEALTH"
    group: str = "GRP001"
    member_id: str = "MBR0001"
    bin: str = ""
    pcn: str = ""


@dataclass(frozen=True, slots=True)
class Coded:
    """A code, its text and its coding system as HL7 names it (`I10`, `NDC`, `RXNORM`)."""

    code: str
    text: str
    system: str


@dataclass(frozen=True, slots=True)
class Drug:
    """What is prescribed; quantity in `unit`, days of supply, refills."""

    product: Coded = Coded("00074055402", "Humira 40 MG/0.4 ML Pen Kit", "NDC")
    dose: str = "40"
    dose_unit: str = "mg"
    form: Coded = Coded("PEN", "Pen injector", "L")
    route: Coded = Coded("SC", "Subcutaneous", "HL70162")
    frequency: str = "Q2W"
    sig: str = "Inject 40 mg under the skin every 2 weeks"
    quantity: str = "2"
    unit: str = "pen"
    days_supply: int = 28
    refills: int = 5


@dataclass(frozen=True, slots=True)
class Sample:
    """One referral or prescription as an EMR knows it."""

    order_number: str = "ZZORD1001"
    patient: Patient = Patient()
    prescriber: Prescriber = Prescriber()
    contact: Contact = Contact()
    coverages: tuple[Coverage, ...] = (
        Coverage(),
        Coverage("ZZTEST RX PLAN", "88888", "ZZTEST PBM", "RXGRP1", "RXM0001", "999999", "ZZPCN"),
    )
    diagnoses: tuple[Coded, ...] = (
        Coded("M05.79", "Rheumatoid arthritis with rheumatoid factor of multiple sites", "I10"),
    )
    allergies: tuple[Coded, ...] = (Coded("70618", "Penicillin", "RXNORM"),)
    drug: Drug = field(default_factory=Drug)
    tried_and_failed: str = "Tried and failed: methotrexate 15 mg weekly, 4 months, no response"
    weight_kg: str = "71.5"
    stat: bool = False


def letters(number: int) -> str:
    """Write a number in letters (A, B, ... Z, BA, ...): names of people hold no digits."""
    rest, last = divmod(number, 26)
    return (letters(rest) if rest else "") + chr(ord("A") + last)


def numbered(number: int, **changes: Any) -> Sample:
    """Make the n-th of many samples: its own patient and order, with any field replaced."""
    patient = replace(Patient(), mrn=f"ZZ{number:06d}", family=f"ZZTESTPATIENT{letters(number)}")
    return replace(Sample(order_number=f"ZZORD{number:06d}", patient=patient), **changes)
