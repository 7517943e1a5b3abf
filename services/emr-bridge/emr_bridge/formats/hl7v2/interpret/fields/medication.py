"""The drug: RXE is what the pharmacy shall act on, RXO what was asked for."""

import re
from collections.abc import Sequence

from common.events.submission import Medication
from emr_bridge.formats.hl7v2.interpret.fields import observed
from emr_bridge.formats.hl7v2.interpret.fields.observed import about
from emr_bridge.formats.hl7v2.interpret.fields.values import (
    coded_text,
    codes,
    integer_of,
    number_of,
    unique,
)
from emr_bridge.formats.hl7v2.reader import Message, Segment, Value

NDC_SYSTEMS = ("NDC", "ND", "N")
RXNORM_SYSTEMS = ("RXNORM", "RXN", "RXCUI", "2.16.840.1.113883.6.88")
NDC_FORM = re.compile(r"\d{4,5}-\d{3,4}-\d{1,2}|\d{11}", re.ASCII)
DAYS = re.compile(r"D?(\d{1,3})\s*(?:D|DAYS?)?", re.IGNORECASE)

Order = tuple[Segment, ...]
"""The segments of one order: from one ORC, or one drug, to the next."""

DRUGS = ("RXE", "RXO")


def orders(message: Message) -> list[Order]:
    """Return the orders that name a drug, each with its segments."""
    groups: list[list[Segment]] = []
    for segment in message.segments:
        held = {other.name for other in groups[-1]} if groups else set()
        repeated = segment.name in DRUGS and segment.name in held
        if segment.name == "ORC" or not groups or repeated:
            groups.append([])
        groups[-1].append(segment)
    named = [tuple(group) for group in groups if any(s.name in DRUGS for s in group)]
    return [order for order in named if text_of(order)]


def read(order: Order, message: Message) -> Medication:
    """Read one order; without one, the observations that describe a prescription."""
    if not order:
        return _observed(message)
    encoded, asked = first(order, "RXE"), first(order, "RXO")
    drug = [value for value in (encoded.value(2), asked.value(1)) if value.raw]
    unit = coded_text(encoded.value(11)) or coded_text(asked.value(12))
    refills = encoded.text(12) or asked.text(13)
    return Medication(
        text=text_of(order),
        ndc=_code(drug, NDC_SYSTEMS, NDC_FORM),
        rxnorm=_code(drug, RXNORM_SYSTEMS, None),
        strength=_amount(encoded, 25, 26) or _amount(asked, 18, 19),
        sig=_sig(order, encoded, asked),
        quantity=number_of(encoded.text(10)) or number_of(asked.text(11)),
        quantity_unit=unit,
        days_supply=_days(order, message),
        refills=integer_of(refills),
    )


def _observed(message: Message) -> Medication:
    """Read what a referral says of the drug where its structure has no pharmacy segments."""
    drug = about(message, observed.DRUG).value(5)
    quantity = about(message, observed.QUANTITY)
    return Medication(
        text=coded_text(drug),
        ndc=_code([drug], NDC_SYSTEMS, NDC_FORM),
        rxnorm=_code([drug], RXNORM_SYSTEMS, None),
        strength=_amount(about(message, observed.STRENGTH), 5, 6),
        sig=about(message, observed.SIG).value(5).text(),
        quantity=number_of(quantity.text(5)),
        quantity_unit=coded_text(quantity.value(6)),
        days_supply=_in_days(about(message, observed.DAYS_SUPPLY).text(5) or ""),
        refills=integer_of(about(message, observed.REFILLS).text(5)),
    )


def text_of(order: Order) -> str | None:
    """Return the words for an order's drug."""
    encoded, asked = first(order, "RXE"), first(order, "RXO")
    return coded_text(encoded.value(2)) or coded_text(asked.value(1))


def first(order: Sequence[Segment], name: str) -> Segment:
    """Return an order's first segment of that name, an empty one when there is none."""
    nothing = Segment(name, "", "", order[0].separators, order[0].charset)
    return next((segment for segment in order if segment.name == name), nothing)


def _code(
    drug: Sequence[Value], systems: Sequence[str], form: re.Pattern[str] | None
) -> str | None:
    """Find the code of that system; where none is named, one that has its form."""
    triples = [triple for value in drug for triple in codes(value)]
    named = [code for code, _, system in triples if system in systems]
    formed = [c for c, _, system in triples if form and not system and form.fullmatch(c)]
    return next(iter(named + formed), None)


def _amount(segment: Segment, number: int, unit: int) -> str | None:
    parts = (segment.text(number), coded_text(segment.value(unit)))
    return " ".join(part for part in parts if part) if parts[0] else None


def _sig(order: Order, encoded: Segment, asked: Segment) -> str | None:
    """Take the directions in words (RXE-7, RXO-7), else put amount, route and timing together."""
    for value in (*encoded.values(7), *asked.values(7)):
        is_route = value.component(3) == "HL70162"
        if (words := coded_text(value)) and not is_route:
            return words
    doses = (_amount(encoded, 3, 5), _amount(asked, 2, 4))
    dose = next((amount for amount in doses if amount), None)
    route = coded_text(first(order, "RXR").value(1))
    return ", ".join(unique((dose, route, _timing(order)))) or None


def _timing(order: Order) -> str | None:
    """How often: TQ1-3, else the second component of the old quantity/timing fields."""
    repeat = first(order, "TQ1").value(3)
    if text := coded_text(repeat):
        return text
    old = (("RXE", 1), ("ORC", 7))
    found = (first(order, name).text(number, 2) for name, number in old)
    return next((text for text in found if text), None)


def _days(order: Order, message: Message) -> int | None:
    """How long: TQ1-6, else the third component of the old quantity/timing fields (`D30`)."""
    own = first(order, "TQ1")
    timing = own if own.raw else message.first("TQ1")
    number, unit = timing.text(6), (timing.text(6, 2) or "").upper()
    if number and (unit.startswith("D") or not unit):
        return _in_days(number)
    old = (first(order, "RXE").text(1, 3), first(order, "ORC").text(7, 3))
    return next((days for text in old if text and (days := _in_days(text))), None)


def _in_days(text: str) -> int | None:
    found = DAYS.fullmatch(text)
    return int(found[1]) if found else None
