"""How the drug shall be taken and how long it lasts: in words, else put together from its parts."""

import re

from emr_bridge.formats.hl7v2.interpret.fields.orders import Order, Taken
from emr_bridge.formats.hl7v2.interpret.fields.values import coded_text, unique
from emr_bridge.formats.hl7v2.interpret.sources import Sources
from emr_bridge.formats.hl7v2.message import Message, Segment, Value

DAYS = re.compile(r"D?(\d{1,3})\s*(?:D|DAYS?)?", re.IGNORECASE)

DIRECTIONS = (("RXE", 7), ("RXO", 7), ("RXE", 21), ("TQ1", 11))
"""Where directions stand in words."""

DOSES = (("RXE", 3), ("RXO", 2))
"""Where the least amount of a dose stands; the most follows, then the unit."""

SAYING_HOW = frozenset({"RXE", "RXO", "RXR", "TQ1", "ORC"})
"""Segments of which one must be there if anything is said of how the drug is taken."""

ROUTES = "HL70162"
REPEATS = "HL70335"
"""Tables of codes that some senders put one field away from where they belong."""


def sig(order: Order, sources: Sources) -> str | None:
    """Take the directions in words, else put amount, route and timing together."""
    if not order.has(SAYING_HOW):
        return None
    for name, number in DIRECTIONS:
        words = [one for one in order.first(name).values(number) if one.component(3) != ROUTES]
        if words and (text := "; ".join(unique(map(coded_text, words)))):
            sources.note("/medication/sig", *words)
            return text
    return _put_together(order, sources)


def _put_together(order: Order, sources: Sources) -> str | None:
    dose, used = _first_dose(order)
    route, (timing, timed) = order.first("RXR").value(1), _timing(order)
    sources.note("/medication/sig", *used, route, *([timed] if timing else ()))
    return ", ".join(unique((*dose, coded_text(route), timing))) or None


def _first_dose(order: Order) -> tuple[tuple[str, ...], list[Value]]:
    """Read the first dose that there is, and where it stands."""
    for name, number in DOSES:
        segment = order.first(name)
        if segment.raw and (dose := _dose(segment, number)):
            return dose, [segment.value(number)]
    return (), []


def _dose(segment: Segment, number: int) -> tuple[str, ...]:
    """Read least and most amount and unit; a unit one field early pushes the form after it."""
    parts = [segment.text(number), segment.text(number + 1), coded_text(segment.value(number + 2))]
    amounts = [part for part in parts[:2] if part and part[0].isdigit()]
    words = [part for part in parts if part and part not in amounts]
    if not amounts:
        return ()
    return (" ".join(["-".join(unique(amounts)), *words[:1]]), *words[1:])


def _timing(order: Order) -> tuple[str | None, Value]:
    """How often: TQ1-3, else the old quantity/timing fields, else where a shift has put it."""
    shifted = order.first("RXO").value(12)
    timed, encoded = order.first("TQ1").value(3), order.first("RXE").value(1)
    ordered = order.first("ORC").value(7)
    found = (
        (coded_text(timed), timed),
        (encoded.component(2), encoded),
        (ordered.component(2), ordered),
        (coded_text(shifted) if shifted.component(3) == REPEATS else None, shifted),
    )
    return next((said for said in found if said[0]), (None, timed))


def days_supply(order: Order, message: Message, sources: Sources) -> int | None:
    """How long: TQ1-6, else the third component of the old quantity/timing fields (`D30`)."""
    own = order.first("TQ1")
    timing = (own if own.raw else message.first("TQ1")).value(6)
    number, unit = timing.component(1), (timing.component(2) or "").upper()
    taken = Taken(sources)
    if number and (unit.startswith("D") or not unit):
        return taken.first("days_supply", [timing], lambda _: in_days(number))
    old = (order.first("RXE").value(1), order.first("ORC").value(7))
    return taken.first("days_supply", old, lambda value: in_days(value.component(3) or ""))


def in_days(text: str) -> int | None:
    """Read `30`, `D30` or `30 days`."""
    found = DAYS.fullmatch(text)
    return int(found[1]) if found else None
