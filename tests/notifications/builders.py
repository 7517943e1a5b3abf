"""Builders for notifications: clinics, events, a fax gateway that counts, and a service to drive."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Table, select

from common.events import registry
from common.events.clinic import ClinicChanged, FaxNumber, Hl7Link, PromiseKind, PromiseTerm
from common.events.emr import MessageDelivered
from common.events.envelope import Event
from common.events.people import ClinicCard, Contact, PatientCard, ReferralCard
from common.events.referral import (
    Appointment,
    AppointmentCancelled,
    AppointmentMissed,
    AppointmentRescheduled,
    CancellationOvertaken,
    InformationNeeded,
    PriorAuthorizationChanged,
    ReferralActivated,
    ReferralCancelled,
    ReferralDeclined,
    ReferralDiscontinued,
    ReferralEvent,
    ReferralHeld,
    ReferralReceived,
    ReferralResumed,
    ReferralScheduled,
    ReferralStatusReported,
    ReferralTransferred,
    ShipmentReported,
)
from common.sealing import Sealer
from common.service import Runtime
from common.tables import outbox
from notifications import consumers
from notifications.channels.letterhead import Letterhead
from notifications.domain.clinic import Clinic
from notifications.domain.routing import Configured
from notifications.handlers.means import Means
from notifications.ports import (
    FailureClass,
    FaxState,
    FaxStatus,
    GatewayUnavailable,
    OutgoingFax,
    Refused,
    Submitted,
    Unknown,
)
from notifications.store import tables
from notifications.workers.clock import Timekeeper
from notifications.workers.emr import EmrWorker
from notifications.workers.fax import FaxSender, FaxWatcher
from notifications.workers.pace import Pace

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
FAX = "+12125550100"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CLINIC = "lakeside"
CALLBACK_SECRET = "a-secret-for-callbacks"

CARD = ReferralCard(
    patient=PatientCard(
        family_name="ZZTESTMILLER", given_names=("Zzcanary",), birth_date=date(1980, 2, 3)
    ),
    medication="adalimumab 40 mg",
    contact=Contact(name="Ana Zzcontact", role="referral_coordinator"),
    questions=("What is the member id?",),
    place="12 Zzstreet",
)


def clinic_changed(**changes: Any) -> ClinicChanged:
    """A clinic with a BAA that is told by fax alone, unless the test says otherwise."""
    values: dict[str, Any] = {
        "occurred_at": NOW,
        "clinic_id": CLINIC,
        "version": 1,
        "name": "Lakeside Clinic",
        "time_zone": "America/Chicago",
        "channels": ("fax",),
        "fax_numbers": (FaxNumber(number=FAX, verified_on=date(2026, 1, 2)),),
        "baa_signed_on": date(2026, 1, 1),
    }
    return ClinicChanged.model_validate(values | changes)


def hl7_link(**changes: Any) -> Hl7Link:
    values: dict[str, Any] = {
        "id": "lakeside-hl7",
        "sending_application": "EPIC",
        "sending_facility": "LAKE",
        "host": "127.0.0.1",
        "port": 2600,
    }
    return Hl7Link.model_validate(values | changes)


def clinic(**changes: Any) -> Clinic:
    """The domain's clinic, for pure tests."""
    return replace(
        Clinic(
            id=CLINIC,
            version=1,
            name="Lakeside Clinic",
            channels=("fax",),
            fax_numbers=(FaxNumber(number=FAX, verified_on=date(2026, 1, 2)),),
            baa_signed_on=date(2026, 1, 1),
        ),
        **changes,
    )


APPOINTMENT = Appointment(
    id=UUID(int=7), kind="delivery", starts_at=datetime(2026, 3, 5, 16, 0, tzinfo=UTC)
)

EXTRAS: Mapping[type[ReferralEvent], Mapping[str, Any]] = {
    ReferralReceived: {"door": "rest", "received_at": NOW},
    InformationNeeded: {"missing": ("member_id",)},
    PriorAuthorizationChanged: {
        "prior_authorization_id": UUID(int=9),
        "benefit": "pharmacy",
        "state": "submitted",
        "open": True,
    },
    ReferralScheduled: {"appointment": APPOINTMENT},
    AppointmentRescheduled: {"appointment": APPOINTMENT, "previous_starts_at": NOW},
    AppointmentCancelled: {"appointment": APPOINTMENT},
    AppointmentMissed: {"appointment": APPOINTMENT},
    ReferralActivated: {"had_at": NOW, "how": "delivered"},
    ReferralDeclined: {},
    ReferralTransferred: {"pharmacy_name": "Other Pharmacy"},
    ReferralCancelled: {"requested_by": "clinic"},
    ReferralDiscontinued: {},
    CancellationOvertaken: {},
    ReferralHeld: {},
    ReferralResumed: {},
    ReferralStatusReported: {},
    ShipmentReported: {"reason": "delayed"},
}


def referral_event(
    kind: type[ReferralEvent], sealer: Sealer, *, card: ReferralCard | None = CARD, **changes: Any
) -> ReferralEvent:
    """An event of one kind, with the sealed card."""
    values: dict[str, Any] = {
        "occurred_at": NOW,
        "referral_id": UUID(int=1),
        "clinic_id": CLINIC,
        "code": "7F3KQ2",
        "version": 1,
        "status": "received",
    }
    event = kind.model_validate(values | dict(EXTRAS.get(kind, {})) | changes)
    sealed = event.with_sealed(sealer, card) if card else event
    assert isinstance(sealed, ReferralEvent)
    return sealed


@dataclass
class CountingGateway:
    """A fax gateway in memory: scripted answers, every page that went out is counted."""

    answers: list[Refused | Unknown] = field(default_factory=list)
    taken_although_unknown: bool = False
    results: list[FailureClass | None] = field(default_factory=list)
    sent: list[OutgoingFax] = field(default_factory=list)
    looked_up: list[UUID] = field(default_factory=list)
    states: dict[str, FaxStatus] = field(default_factory=dict)
    clock: datetime = NOW
    """The gateway's own, by which it knows since when it has a fax."""
    away: bool = False
    forgotten: list[str] = field(default_factory=list)

    async def submit(self, fax: OutgoingFax) -> Submitted | Refused | Unknown:
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Refused):
            return answer
        if answer is None or self.taken_although_unknown:
            self._take(fax)
        return answer or Submitted(self._id(fax.our_id))

    def _take(self, fax: OutgoingFax) -> None:
        self.sent.append(fax)
        failure = self.results.pop(0) if self.results else None
        state = FaxState.FAILED if failure else FaxState.DELIVERED
        gateway_id = self._id(fax.our_id)
        self.states[gateway_id] = FaxStatus(gateway_id, state, failure, code="17", pages_ok=1)

    @staticmethod
    def _id(our_id: UUID) -> str:
        return f"fax-{our_id}"

    async def get(self, gateway_id: str) -> FaxStatus:
        if self.away or gateway_id not in self.states:
            raise GatewayUnavailable("away")
        return self.states[gateway_id]

    async def find(self, our_id: UUID, *, to: str, since: datetime) -> FaxStatus | None:
        if self.away:
            raise GatewayUnavailable("away")
        self.looked_up.append(our_id)
        return self.states.get(self._id(our_id)) if since <= self.clock else None

    async def forget(self, gateway_id: str) -> None:
        if self.away:
            raise GatewayUnavailable("away")
        self.forgotten.append(gateway_id)


ALL: Configured = frozenset({"emr", "webhook", "fax", "console"})
PACE = Pace(lease=timedelta(minutes=5))


@dataclass
class Desk:
    """The service without its loops: a test takes each step by hand."""

    runtime: Runtime
    clock: Any
    gateway: CountingGateway = field(default_factory=CountingGateway)
    configured: Configured = ALL

    @property
    def means(self) -> Means:
        return Means(self.runtime.sealer, self.configured)

    async def consume(self, *events: Event) -> None:
        handlers = consumers.handlers(self.means)
        for event in events:
            async with self.runtime.db.begin() as tx:
                await handlers[type(event)](tx, event, self.clock())

    async def know(self, **changes: Any) -> None:
        card = changes.pop("card", ClinicCard(webhook_secret=SECRET))
        event = clinic_changed(**changes)
        await self.consume(event.with_sealed(self.runtime.sealer, card))

    async def happen(self, kind: type[ReferralEvent], **changes: Any) -> None:
        changes.setdefault("occurred_at", self.clock())
        if kind is ReferralReceived:
            changes.setdefault("received_at", self.clock())
        await self.consume(referral_event(kind, self.runtime.sealer, **changes))

    @property
    def fax_sender(self) -> FaxSender:
        letterhead = Letterhead("Specialty Pharmacy", "+15550100000")
        return FaxSender(self.runtime, self.means, self.gateway, letterhead, PACE)

    @property
    def fax_watcher(self) -> FaxWatcher:
        return FaxWatcher(self.runtime, self.means, self.gateway, PACE)

    def delivered(self, delivery_id: UUID, **changes: Any) -> MessageDelivered:
        values: dict[str, Any] = {
            "occurred_at": self.clock(),
            "delivery_id": delivery_id,
            "referral_id": UUID(int=1),
            "control_id": "1",
            "acknowledgement": "AA",
            "attempts": 2,
        }
        return MessageDelivered.model_validate(values | changes)

    async def send_faxes(self) -> bool:
        return await self.fax_sender.step()

    async def watch_faxes(self) -> bool:
        return await self.fax_watcher.step()

    async def hand_to_emr(self) -> bool:
        return await EmrWorker(self.runtime, self.means, PACE).step()

    async def look_at_clock(self) -> bool:
        return await Timekeeper(self.runtime, self.means, PACE).step()

    async def pass_time(self, by: timedelta) -> None:
        self.clock.advance(by)
        while await self.look_at_clock():
            pass

    async def rows(self, table: Table, **where: Any) -> Sequence[RowMapping]:
        query = select(table).order_by(*table.primary_key.columns)
        for name, value in where.items():
            query = query.where(table.c[name] == value)
        async with self.runtime.db.read() as tx:
            return (await tx.execute(query)).mappings().all()

    async def deliveries(self, **where: Any) -> Sequence[RowMapping]:
        return await self.rows(tables.deliveries, **where)

    async def states(self) -> list[tuple[str, str]]:
        return [(row["channel"], row["state"]) for row in await self.deliveries()]

    async def promises(self, **where: Any) -> Sequence[RowMapping]:
        return await self.rows(tables.promises, **where)

    async def tasks(self) -> list[tuple[str, str]]:
        return [(row["kind"], row["state"]) for row in await self.rows(tables.tasks)]

    async def published(self, *kinds: type[Event]) -> list[Any]:
        events = (registry.read(row["value"])[1] for row in await self.rows(outbox))
        return [event for event in events if event is not None and isinstance(event, kinds)]


def term(kind: PromiseKind, hours: float, *, business_hours: bool = False) -> dict[Any, Any]:
    return {kind: PromiseTerm(within=timedelta(hours=hours), business_hours=business_hours)}
