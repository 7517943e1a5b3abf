"""The drug: RXE is what the pharmacy shall act on, RXO what was asked for."""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from common.events.submission import Medication
from emr_bridge.formats.hl7v2.interpret.fields import directions, observed
from emr_bridge.formats.hl7v2.interpret.fields.directions import REPEATS
from emr_bridge.formats.hl7v2.interpret.fields.observed import plain
from emr_bridge.formats.hl7v2.interpret.fields.orders import (
    NDC_SYSTEMS,
    RXNORM_SYSTEMS,
    Order,
    Taken,
)
from emr_bridge.formats.hl7v2.interpret.fields.values import (
    coded_text,
    codes,
    integer_of,
    number_of,
)
from emr_bridge.formats.hl7v2.interpret.sources import Sources
from emr_bridge.formats.hl7v2.message import Message, Segment, Value

NDC_FORM = re.compile(r"\d{4,5}-\d{3,4}-\d{1,2}|\d{11}", re.ASCII)
DRUGS = ("RXE", "RXO")

NOT_SAID = dict.fromkeys(("strength", "quantity", "quantity_unit", "refills"))

Coded = tuple[Value, str, str]
"""A field that names the drug, a code in it, and the code's system."""


def orders(message: Message) -> list[Order]:
    """Return the orders that name a drug, each with its segments."""
    groups: list[list[Segment]] = []
    drugs: set[str] = set()
    for segment in message.segments:
        name = segment.name
        if name == "ORC" or not groups or name in drugs:
            groups.append([])
            drugs.clear()
        if name in DRUGS:
            drugs.add(name)
        groups[-1].append(segment)
    return [order for order in map(Order, groups) if text_of(order)]


def read(order: Order | None, message: Message, sources: Sources | None = None) -> Medication:
    """Read one order; what it leaves out, the observations that describe a prescription say."""
    sources, beside = sources or Sources(), Sources()
    described = observed.prescription(message)
    ordered = _ordered(order, message, sources) if order else Medication()
    if order and not any(part.raw for part in described):
        return ordered
    said = _observed(described, beside)
    missing = {name for name in Medication.model_fields if getattr(ordered, name) is None}
    places = beside.places
    for name in missing:
        if place := places.get(f"/medication/{name}"):
            sources.note_place(f"/medication/{name}", place)
    return ordered.model_copy(update={name: getattr(said, name) for name in missing})


def _ordered(order: Order, message: Message, sources: Sources) -> Medication:
    encoded, asked = order.first("RXE"), order.first("RXO")
    coded, taken = _coded(order.drug), Taken(sources)
    return Medication(
        text=sources.take("/medication/text", order.drug, coded_text),
        ndc=_code(coded, NDC_SYSTEMS, NDC_FORM, taken.by("ndc")),
        rxnorm=_code(coded, RXNORM_SYSTEMS, None, taken.by("rxnorm")),
        sig=directions.sig(order, sources),
        days_supply=directions.days_supply(order, message, sources),
        **(_dispensed(encoded, asked, taken) if encoded.raw or asked.raw else NOT_SAID),
    )


def _dispensed(encoded: Segment, asked: Segment, taken: Taken) -> dict[str, Any]:
    """Read what only pharmacy segments say: strength, quantity and its unit, refills."""
    unit = _quantity_unit(encoded, asked)
    strong = (encoded, 25, 26) if _amount(encoded, 25, 26) else (asked, 18, 19)
    # RXE-13 is a person by right; a bare number there is RXE-12, shifted.
    refills = (encoded.value(12), asked.value(13), encoded.value(13))
    return {
        "strength": taken.first(
            "strength", [strong[0].value(strong[1])], lambda _: _amount(*strong)
        ),
        "quantity": taken.first("quantity", [encoded.value(10), asked.value(11)], _quantity),
        "quantity_unit": taken.first("quantity_unit", [unit] if unit else [], coded_text),
        "refills": taken.first("refills", refills, lambda value: integer_of(value.component(1))),
    }


def _observed(parts: Sequence[Segment], sources: Sources) -> Medication:
    """Read what a referral says of the drug where its structure has no pharmacy segments."""
    taken = Taken(sources)
    named, strong, way, amount, days, again = parts
    drug, lasting = named.values(5)[:1], days.values(5)[:1]
    coded = _coded(drug)
    return Medication(
        text=taken.first("text", drug, coded_text),
        ndc=_code(coded, NDC_SYSTEMS, NDC_FORM, taken.by("ndc")),
        rxnorm=_code(coded, RXNORM_SYSTEMS, None, taken.by("rxnorm")),
        strength=taken.first("strength", strong.values(5)[:1], lambda _: _amount(strong, 5, 6)),
        sig=taken.first("sig", way.values(5)[:1], Value.text),
        quantity=taken.first(
            "quantity", amount.values(5)[:1], lambda value: number_of(value.component(1))
        ),
        quantity_unit=taken.first("quantity_unit", amount.values(6)[:1], coded_text),
        days_supply=taken.first(
            "days_supply", lasting, lambda value: directions.in_days(value.component(1) or "")
        ),
        refills=taken.first(
            "refills", again.values(5)[:1], lambda value: integer_of(value.component(1))
        ),
    )


def text_of(order: Order) -> str | None:
    """Return the words for an order's drug."""
    return next((text for value in order.drug if (text := coded_text(value))), None)


def _coded(drug: Sequence[Value]) -> list[Coded]:
    return [(value, code, system) for value in drug for code, _, system in codes(value)]


def _code(
    coded: Sequence[Coded],
    systems: set[str],
    form: re.Pattern[str] | None,
    note: Callable[[Value], None],
) -> str | None:
    """Find the code of that system; where none is named, one that has its form."""
    named = [(v, code) for v, code, system in coded if plain(system) in systems]
    formed = [(v, c) for v, c, system in coded if form and not system and form.fullmatch(c)]
    for value, code in (named + formed)[:1]:
        note(value)
        return code
    return None


def _amount(segment: Segment, number: int, unit: int) -> str | None:
    parts = (segment.text(number), coded_text(segment.value(unit)))
    return " ".join(part for part in parts if part) if parts[0] else None


def _quantity(value: Value) -> Decimal | None:
    """Read an amount to dispense; none is not an amount, but a shifted field."""
    amount = number_of(value.component(1))
    return amount if amount and amount > 0 else None


def _quantity_unit(encoded: Segment, asked: Segment) -> Value | None:
    units = (encoded.value(11), asked.value(12))
    return next((unit for unit in units if unit.raw and unit.component(3) != REPEATS), None)
