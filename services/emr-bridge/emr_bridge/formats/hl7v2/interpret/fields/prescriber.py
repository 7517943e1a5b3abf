"""Who prescribes, through the places where senders put it; never the one referred to (PRD `RT`)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from common.events.submission import Prescriber
from emr_bridge.formats.hl7v2.interpret.fields.values import (
    TITLES,
    is_fax,
    is_phone_like,
    name_of,
    npi_of,
    phone_of,
)
from emr_bridge.formats.hl7v2.interpret.sources import Sources
from emr_bridge.formats.hl7v2.message import NOTHING, Message, Segment, Value
from emr_bridge.formats.hl7v2.separators import NULL, standard

ROLES = ("RP", "PP", "CP", "")
"""PRD-1 (table 0286): referring, primary care, consulting provider; not said."""

PLACES = (
    ("ORC", 12),
    ("OBR", 16),
    ("RXE", 13),
    ("RXO", 14),
    ("RXO", 20),
    ("PV1", 8),
    ("PV1", 7),
    ("PV1", 9),
    ("PV1", 17),
)
"""Where a person stands as XCN, after PRD, in the order in which they are believed."""

ORDERED_BY = (("ORC", 12), ("OBR", 16))
"""Where the one stands by whom an EMR routes what comes back."""

INDICATION = ("RXO", 20)
"""A coded reason by right: whoever stands there is known by a title."""

DEGREES = TITLES | {"MD", "DO", "NP", "PA", "PHD"}

NOT_CLINICIANS = ("COURIER",)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person who may be the prescriber; `sure` when more than a lone word names them."""

    name: str | None
    npi: str | None
    phone: str | None = None
    fax: str | None = None
    sure: bool = False
    named: Value | None = None
    numbered: Value | None = None


def read(message: Message, sources: Sources | None = None) -> Prescriber:
    """Return the first person who is surely named, else the first who is named at all."""
    sources = sources or Sources()
    receivers = {
        name_of(prd.value(2), first=1) for prd in message.all("PRD") if prd.text(1) == "RT"
    }
    found = [one for one in _candidates(message) if one.name is None or one.name not in receivers]
    chosen = next((one for one in found if one.sure), next(iter(found), Candidate(None, None)))
    numbered = chosen if chosen.npi else _same_with_npi(chosen, found)
    _note(sources, message, chosen, numbered)
    return Prescriber(
        npi=numbered.npi,
        name=chosen.name,
        phone=chosen.phone or _phone(message, sources, fax=False),
        fax=chosen.fax or _phone(message, sources, fax=True),
    )


def _note(sources: Sources, message: Message, chosen: Candidate, numbered: Candidate) -> None:
    """Note where name and number stand; of an order whose provider is null, that both go."""
    if chosen.named:
        sources.note("/prescriber/name", chosen.named)
    if numbered.numbered:
        sources.note("/prescriber/npi", numbered.numbered)
    for name, number in ORDERED_BY:
        value = message.first(name).value(number)
        for pointer in ("/prescriber/name", "/prescriber/npi") if value.is_null else ():
            sources.note(pointer, value)
    for pointer, number_said in (
        ("/prescriber/phone", chosen.phone),
        ("/prescriber/fax", chosen.fax),
    ):
        if number_said and chosen.named:
            sources.note_place(pointer, chosen.named.place.partition("-")[0] + "-5")


def as_sent(message: Message) -> str:
    """Return who ordered as XCN in standard separators: as sent, or put so from PRD; may be empty."""
    for segment, number in ORDERED_BY:
        field = message.first(segment).field(number)
        if field not in ("", NULL):
            return standard(field, message.separators)
    prd = next(iter(_providers(message)), None)
    if prd is None:
        return ""
    name = standard(prd.value(2).raw, message.separators).split("^")[:6]
    identifier = standard(prd.value(7).raw, message.separators).partition("^")[0]
    return "^".join([identifier, *name]).rstrip("^")


def _providers(message: Message) -> list[Segment]:
    """Return the PRDs of those who may refer, in the order of trust."""
    known = [(prd, (prd.text(1) or "").upper()) for prd in message.all("PRD")]
    return [prd for role in ROLES for prd, given in known if given == role]


def _same_with_npi(chosen: Candidate, found: Sequence[Candidate]) -> Candidate:
    """Find the number beside the same name elsewhere: each of a person's ids repeats the name."""
    same = (one for one in found if one.name == chosen.name and one.npi)
    return next(same, chosen)


def _candidates(message: Message) -> Iterator[Candidate]:
    for prd in _providers(message):
        yield from _of_prd(prd)
    for name, number in PLACES:
        values = [value for segment in message.all(name) for value in segment.values(number)]
        for value in values:
            if (name, number) != INDICATION or _is_titled(value):
                yield from _of_xcn(value)
    for contact in message.all("CTD"):
        if contact.text(1) == "RP":
            yield from _of_prd(contact)


def _of_prd(prd: Segment) -> Iterator[Candidate]:
    """Read the name in PRD-2; some senders shift it to 5 or 7, then as XCN."""
    named, (ids, npi) = prd.value(2), _id_of_prd(prd)
    name = name_of(named, first=1)
    sure = bool(prd.text(2, 2)) or (bool(name) and npi is not None)
    if name is None:
        shifted = [value for number in (5, 7) for value in prd.values(number)]
        people = [value for value in shifted if not is_phone_like(value)]
        named = next(iter(people), named)
        name = name_of(named, first=2) if people else None
        ids, npi = (ids, npi) if npi or not people else (named, npi_of(named))
        sure = name is not None
    if name or npi:
        phone, fax = _numbers_of_prd(prd)
        yield Candidate(name, npi, phone, fax, sure, named, ids)


def _id_of_prd(prd: Segment) -> tuple[Value, str | None]:
    """Return the first of a provider's ids that is an NPI, and the NPI; else the first at all."""
    ids = [value for number in (7, 9, 10) for value in prd.values(number)]
    for value in ids:
        if npi := npi_of(value):
            return value, npi
    return next(iter(ids), NOTHING), None


def _numbers_of_prd(prd: Segment) -> tuple[str | None, str | None]:
    """Return the first phone and the first fax number."""
    phone = fax = None
    for value in (value for place in (5, 6) for value in prd.values(place)):
        if is_phone_like(value):
            number = phone_of(value)
            phone, fax = (phone, fax or number) if is_fax(value) else (phone or number, fax)
    return phone, fax


def _of_xcn(value: Value) -> Iterator[Candidate]:
    words = " ".join(filter(None, (value.component(1), value.component(6), value.component(7))))
    if any(word in words.upper() for word in NOT_CLINICIANS):
        return
    name, npi = name_of(value, first=2), npi_of(value)
    if name or npi:
        sure = bool(npi or value.component(3) or " " in (name or ""))
        yield Candidate(name, npi, sure=sure, named=value, numbered=value)


def _is_titled(value: Value) -> bool:
    titles = (value.component(number) or "" for number in (5, 6, 7))
    return any(title.rstrip(".").upper() in DEGREES for title in titles)


def _phone(message: Message, sources: Sources, *, fax: bool) -> str | None:
    """Find the order's call-back numbers: ORC-23 (ordering facility), ORC-14, OBR-17."""
    places = (("ORC", 23), ("ORC", 14), ("OBR", 17))
    values = [v for name, n in places for s in message.all(name) for v in s.values(n)]
    pointer = "/prescriber/fax" if fax else "/prescriber/phone"
    return sources.take(pointer, (v for v in values if is_fax(v) is fax), phone_of)
