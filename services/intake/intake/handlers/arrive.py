"""Writing new referrals: any number of them with one statement per table, each whole or not at all."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from uuid import UUID

from common import tracing
from common.answers import Place
from common.database import Transaction
from common.events.people import Contact
from common.events.submission import Identifier, Submission
from common.ids import new_id, short_code
from common.rows import Rows, insert_all
from common.sealing import Sealer
from intake.domain import completeness, findings, information
from intake.domain.details import Details
from intake.domain.findings import Finding, Known
from intake.domain.information import Arrival, Door
from intake.domain.referral import Referral
from intake.handlers import card, likeness, record
from intake.handlers.desk import Desk
from intake.handlers.record import Telling
from intake.store import external_ids, known, patient_numbers, referrals
from intake.store import findings as kept_findings
from intake.store.external_ids import Number
from intake.store.known import Patient
from intake.store.referrals import Kept, Origin


@dataclass(frozen=True)
class Order:
    """A submission at the door: who brought it, whose it is, by which door it came and when."""

    desk: Desk
    submission: Submission
    clinic_id: str
    door: Door
    received_at: datetime
    traceparent: str | None = None
    places: Mapping[str, str] = field(default_factory=dict)
    """Where in a message each value stood, by JSON pointer."""
    deleted: tuple[str, ...] = ()
    """Pointers of values that the sender takes back."""
    place: Place | None = None
    """Where its answer will be kept, if it may be asked for again."""

    @cached_property
    def patient_index(self) -> str | None:
        """What equal patients with equal drugs share; None when one is not known."""
        return likeness.index(self.desk.sealer, self.submission)

    @property
    def patient(self) -> Patient | None:
        """The patient with the drug, as one of the clinic's."""
        return (self.clinic_id, self.patient_index) if self.patient_index else None

    @cached_property
    def numbers(self) -> AbstractSet[Number]:
        """By what the clinic knows the order."""
        return frozenset(external_ids.numbers_of(self.clinic_id, self.submission.external_ids))


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A new referral with what is written beside it."""

    kept: Kept
    patient_index: str | None
    numbers: AbstractSet[Number]
    findings: Sequence[Finding]
    telling: Sequence[Telling]

    @property
    def patient(self) -> tuple[UUID, str, Sequence[Identifier]]:
        """The referral, its clinic, and what that clinic calls the patient."""
        referral, said = self.kept.referral, self.kept.details.submission
        return referral.id, referral.clinic_id, said.patient.identifiers


async def plainly_new(tx: Transaction, orders: Sequence[Order]) -> list[UUID | None]:
    """Return a free id for each order that is new beyond doubt, whatever becomes of the others.

    Neither an open (or active) referral nor an order before it here has its number, or its patient
    with its drug, and it was not answered before. The caller has locked the clinics.
    """
    numbers = {number for order in orders for number in order.numbers}
    patients = {order.patient for order in orders if order.patient}
    drawn = _draw(len(orders))
    places = {order.place for order in orders if order.place}
    there = await known.look(tx, numbers, patients, drawn, places)
    free = _free(drawn, there.codes)
    free += await free_ids(tx, len(orders) - len(free))
    new = _plainly_new(orders, there)
    return [one if is_new else None for one, is_new in zip(free, new, strict=True)]


def decide_all(
    orders: Sequence[Order],
    ids: Sequence[UUID],
    contacts: Mapping[str, Contact | None],
    *,
    now: datetime,
) -> list[Newcomer]:
    """Decide on orders that are plainly new; `contacts` says whom to address at each clinic."""
    return [
        _in_its_trace(order, identifier, contacts[order.clinic_id], now)
        for order, identifier in zip(orders, ids, strict=True)
    ]


def _plainly_new(orders: Sequence[Order], there: known.Known) -> Iterator[bool]:
    numbers, patients = set(there.numbers), set(there.patients)
    for order in orders:
        is_known = order.patient in patients or order.place in there.places
        yield not is_known and numbers.isdisjoint(order.numbers)
        numbers |= order.numbers
        if order.patient:
            patients.add(order.patient)


async def free_ids(tx: Transaction, count: int) -> list[UUID]:
    """Draw ids until the short code of each is free."""
    free: list[UUID] = []
    while missing := count - len(free):
        drawn = _draw(missing)
        free += _free(drawn, (await known.look(tx, codes=drawn)).codes)
    return free


def _draw(count: int) -> dict[str, UUID]:
    """Draw ids, by their short codes; should two have one code there is one id less."""
    return {short_code(identifier): identifier for identifier in (new_id() for _ in range(count))}


def _free(drawn: Mapping[str, UUID], taken: AbstractSet[str]) -> list[UUID]:
    return [identifier for code, identifier in drawn.items() if code not in taken]


def _in_its_trace(
    order: Order, identifier: UUID, contact: Contact | None, now: datetime
) -> Newcomer:
    with tracing.span("take in", parent=order.traceparent, referral_id=identifier, door=order.door):
        return newcomer(order, identifier, contact=contact, now=now)


def newcomer(
    order: Order,
    identifier: UUID,
    *,
    contact: Contact | None,
    doubts: Sequence[Finding] = (),
    now: datetime,
) -> Newcomer:
    """Decide on a new referral; `contact` is whom to address when the submission names nobody."""
    submission = order.submission.model_copy(update={"clinic_id": order.clinic_id})
    made = findings.check(submission, Known(now.date(), order.desk.diagnoses))
    arrival = Arrival(
        door=order.door,
        received_at=order.received_at,
        findings=(*made, *doubts),
        completeness=completeness.score(made),
        source_message_id=order.desk.source_message_id,
    )
    new = Referral(id=identifier, clinic_id=order.clinic_id, code=short_code(identifier))
    after, events = information.receive(new, arrival, now=now)
    details = Details(submission=submission, places=dict(order.places))
    kept = Kept(after, details, _origin(arrival, now))
    person = card.made(kept, arrival.findings, contact)
    telling = record.told(order.desk, kept, events, person, since=None, now=now)
    return Newcomer(kept, order.patient_index, order.numbers, arrival.findings, telling)


async def keep_all(
    tx: Transaction, sealer: Sealer, arrived: Sequence[Newcomer], *beside: Rows, now: datetime
) -> None:
    """Write new referrals with their numbers, findings, timelines and events, and rows `beside` them."""
    ids = [(one.kept.referral.id, one) for one in arrived]
    telling = [telling for one in arrived for telling in one.telling]
    await insert_all(
        tx,
        referrals.rows_of(sealer, [(one.kept, one.patient_index) for one in arrived]),
        external_ids.rows_of([(i, number) for i, one in ids for number in one.numbers]),
        patient_numbers.rows_of(sealer, [one.patient for one in arrived]),
        kept_findings.rows_of([(i, made) for i, one in ids for made in one.findings], now=now),
        *record.rows_of(tx, sealer, telling, now=now),
        *beside,
    )


def _origin(arrival: Arrival, now: datetime) -> Origin:
    return Origin(
        door=arrival.door,
        received_at=arrival.received_at,
        source_message_id=arrival.source_message_id,
        completeness=arrival.completeness,
        created_at=now,
        updated_at=now,
    )
