"""The drug: RXE is what the pharmacy shall act on, RXO what was asked for."""

import re
from collections.abc import Sequence
from decimal import Decimal

from common.events.submission import Medication
from emr_bridge.formats.hl7v2.interpret.fields import observed
from emr_bridge.formats.hl7v2.interpret.fields.observed import about, plain
from emr_bridge.formats.hl7v2.interpret.fields.values import (
    coded_text,
    codes,
    integer_of,
    number_of,
    unique,
)
from emr_bridge.formats.hl7v2.reader import Message, Segment, Value

NDC_SYSTEMS = {plain(name) for name in ("NDC", "ND", "N", "NDC11", "2.16.840.1.113883.6.69")}
RXNORM_SYSTEMS = {plain(name) for name in ("RXNORM", "RXN", "RXCUI", "2.16.840.1.113883.6.88")}
NDC_FORM = re.compile(r"\d{4,5}-\d{3,4}-\d{1,2}|\d{11}", re.ASCII)
DAYS = re.compile(r"D?(\d{1,3})\s*(?:D|DAYS?)?", re.IGNORECASE)

PLACES = (("RXE", 2), ("RXO", 1), ("RXD", 2), ("RXC", 2))
"""Where the drug stands, in the order in which it is believed."""

DIRECTIONS = (("RXE", 7), ("RXO", 7), ("RXE", 21), ("TQ1", 11))
"""Where directions stand in words."""

DOSES = (("RXE", 3), ("RXO", 2))
"""Where the least amount of a dose stands; the most follows, then the unit."""

ROUTES = "HL70162"
REPEATS = "HL70335"
"""Tables of codes that some senders put one field away from where they belong."""

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
    return [tuple(group) for group in groups if text_of(tuple(group))]


def read(order: Order, message: Message) -> Medication:
    """Read one order; what it leaves out, the observations that describe a prescription say."""
    observed = _observed(message)
    if not order:
        return observed
    ordered = _ordered(order, message)
    missing = {name for name in Medication.model_fields if getattr(ordered, name) is None}
    return ordered.model_copy(update={name: getattr(observed, name) for name in missing})


def _ordered(order: Order, message: Message) -> Medication:
    encoded, asked = first(order, "RXE"), first(order, "RXO")
    drug, unit = _drug(order), _quantity_unit(encoded, asked)
    # RXE-13 is a person by right; a bare number there is RXE-12, shifted.
    refills = (encoded.text(12), asked.text(13), encoded.text(13))
    return Medication(
        text=text_of(order),
        ndc=_code(drug, NDC_SYSTEMS, NDC_FORM),
        rxnorm=_code(drug, RXNORM_SYSTEMS, None),
        strength=_amount(encoded, 25, 26) or _amount(asked, 18, 19),
        sig=_sig(order),
        quantity=_quantity(encoded.text(10)) or _quantity(asked.text(11)),
        quantity_unit=coded_text(unit) if unit else None,
        days_supply=_days(order, message),
        refills=next((n for text in refills if (n := integer_of(text)) is not None), None),
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
    return next((text for value in _drug(order) if (text := coded_text(value))), None)


def _drug(order: Order) -> list[Value]:
    """Return the fields that name the drug: pharmacy segments, else a service coded as a drug."""
    named = [first(order, name).value(number) for name, number in PLACES]
    service = first(order, "OBR").value(4)
    drug_systems = NDC_SYSTEMS | RXNORM_SYSTEMS
    if any(plain(system) in drug_systems for _, _, system in codes(service)):
        named.append(service)
    return [value for value in named if value.raw]


def first(order: Sequence[Segment], name: str) -> Segment:
    """Return an order's first segment of that name, an empty one when there is none."""
    nothing = Segment(name, "", "", order[0].separators, order[0].charset)
    return next((segment for segment in order if segment.name == name), nothing)


def _code(drug: Sequence[Value], systems: set[str], form: re.Pattern[str] | None) -> str | None:
    """Find the code of that system; where none is named, one that has its form."""
    triples = [triple for value in drug for triple in codes(value)]
    named = [code for code, _, system in triples if plain(system) in systems]
    formed = [c for c, _, system in triples if form and not system and form.fullmatch(c)]
    return next(iter(named + formed), None)


def _amount(segment: Segment, number: int, unit: int) -> str | None:
    parts = (segment.text(number), coded_text(segment.value(unit)))
    return " ".join(part for part in parts if part) if parts[0] else None


def _quantity(text: str | None) -> Decimal | None:
    """Read an amount to dispense; none is not an amount, but a shifted field."""
    amount = number_of(text)
    return amount if amount and amount > 0 else None


def _quantity_unit(encoded: Segment, asked: Segment) -> Value | None:
    units = (encoded.value(11), asked.value(12))
    return next((unit for unit in units if unit.raw and unit.component(3) != REPEATS), None)


def _sig(order: Order) -> str | None:
    """Take the directions in words, else put amount, route and timing together."""
    for name, number in DIRECTIONS:
        values = first(order, name).values(number)
        words = [coded_text(value) for value in values if value.component(3) != ROUTES]
        if text := "; ".join(unique(words)):
            return text
    dose = next((dose for name, number in DOSES if (dose := _dose(first(order, name), number))), ())
    route = coded_text(first(order, "RXR").value(1))
    return ", ".join(unique((*dose, route, _timing(order)))) or None


def _dose(segment: Segment, number: int) -> tuple[str, ...]:
    """Read least and most amount and unit; a unit one field early pushes the form after it."""
    parts = [segment.text(number), segment.text(number + 1), coded_text(segment.value(number + 2))]
    amounts = [part for part in parts[:2] if part and part[0].isdigit()]
    words = [part for part in parts if part and part not in amounts]
    if not amounts:
        return ()
    return (" ".join(["-".join(unique(amounts)), *words[:1]]), *words[1:])


def _timing(order: Order) -> str | None:
    """How often: TQ1-3, else the old quantity/timing fields, else where a shift has put it."""
    shifted = first(order, "RXO").value(12)
    found = (
        coded_text(first(order, "TQ1").value(3)),
        first(order, "RXE").text(1, 2),
        first(order, "ORC").text(7, 2),
        coded_text(shifted) if shifted.component(3) == REPEATS else None,
    )
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
