"""Tell a clinic of an event: notice, promise and first delivery in one transaction."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from common import tracing
from common.database import Transaction
from common.errors import SetAside
from common.events.clinic import PromiseKind
from common.events.people import ReferralCard
from common.events.referral import Appointment, PriorAuthorizationChanged, ReferralEvent
from common.ids import new_id
from common.verdicts import Heard
from notifications.domain import promise
from notifications.domain.clinic import Clinic
from notifications.domain.delivery import LIVE
from notifications.domain.heartbeat import next_beat
from notifications.domain.notice import Letter
from notifications.domain.telling import ENDS, TOLD
from notifications.handlers import route
from notifications.handlers.means import Means
from notifications.handlers.owe import owe_all
from notifications.handlers.withdraw import can_be_taken_back, withdraw_rest
from notifications.store import clinics, deliveries, early, heartbeats, notices, promises, tasks
from notifications.store.notices import NewNotice, Notice
from notifications.store.promises import NewPromise
from notifications.store.tasks import TaskKind
from notifications.wording import compose

log = structlog.get_logger()

FOLLOWED: tuple[type[ReferralEvent], ...] = (PriorAuthorizationChanged, *ENDS)
"""After these a prior authorization is waited for in another way than before."""


@dataclass(frozen=True, slots=True)
class Saying:
    """What is to be said to whom: which notice, of which event, and what is owed with it since when."""

    name: str
    event: ReferralEvent
    key: str
    owed: PromiseKind | None
    since: datetime
    clinic: Clinic
    traceparent: str | None


async def tell(tx: Transaction, event: ReferralEvent, *, means: Means, now: datetime) -> None:
    """Tell the referral's clinic of an event, once, in the trace that is open."""
    await tell_all(tx, [Heard(event, tracing.current())], means=means, now=now)


async def tell_all(
    tx: Transaction, heard: Sequence[Heard[ReferralEvent]], *, means: Means, now: datetime
) -> None:
    """Tell the clinics of referrals of events, each once, in their order.

    Topics do not wait for each other: an event of a clinic that is not known yet is kept until
    the clinic is; its promise counts from the event all the same.
    """
    ids = {event.clinic_id for event, _ in heard}
    known = await clinics.find_all(tx, ids, sealer=means.sealer, hold=True)
    for event, trace in heard:
        if event.clinic_id not in known:
            await _keep_early(tx, event, trace, means=means, now=now)
    sayings = [
        _saying(one, known[one.event.clinic_id]) for one in heard if one.event.clinic_id in known
    ]
    for said, notice in await say_all(tx, sayings, means=means, now=now):
        if isinstance(said.event, FOLLOWED):
            with tracing.span("follow authorization", parent=said.traceparent):
                await _follow_authorization(tx, said, notice, now=now)


async def _keep_early(
    tx: Transaction, event: ReferralEvent, trace: str | None, *, means: Means, now: datetime
) -> None:
    """Keep an event, and ask a person where its clinic is: no promise runs before it is known."""
    _card_of(event, means=means)
    await early.keep(tx, event, trace, now=now)
    unknown = event.clinic_id
    await tasks.add(tx, TaskKind.UNKNOWN_CLINIC, unknown, now=now, clinic_id=unknown)
    trace_id = tracing.trace_id_of(trace)
    log.warning("clinic_not_known_yet", clinic_id=unknown, trace_id=trace_id)


def _saying(heard: Heard[ReferralEvent], clinic: Clinic) -> Saying:
    event, telling = heard.event, TOLD[type(heard.event)]
    since = promise.started_at(event)
    return Saying(
        telling.notice, event, key_of(event), telling.owed, since, clinic, heard.traceparent
    )


async def say_all(
    tx: Transaction, sayings: Sequence[Saying], *, means: Means, now: datetime
) -> list[tuple[Saying, Notice]]:
    """Write notices, promise them and begin to deliver them; those that were said before are left out."""
    new = [_compose(one, means=means, now=now) for one in sayings]
    written = await notices.add_all(tx, new, sealer=means.sealer, now=now)
    said = [(one, notice) for one, notice in zip(sayings, written, strict=True) if notice]
    owed = [
        NewPromise(notice, one.owed, promise.deadline(one.clinic, one.owed, one.since))
        for one, notice in said
        if one.owed is not None
    ]
    await owe_all(tx, owed, now=now)
    told = [(notice, one.clinic) for one, notice in said]
    await route.begin_first(tx, told, means.configured, now=now)
    for one, notice in said:
        about = {"notice_id": str(notice["id"]), "trace_id": tracing.trace_id_of(one.traceparent)}
        log.info("notice_written", clinic_id=one.clinic.id, kind=one.name, **about)
    return said


def _compose(saying: Saying, *, means: Means, now: datetime) -> NewNotice:
    event = saying.event
    card = _card_of(event, means=means)
    notice = compose(event, card, saying.clinic, name=saying.name, now=now)
    return NewNotice(
        id=new_id(),
        event_key=saying.key,
        event=event,
        letter=Letter(notice, card.place),
        prior_authorization_id=getattr(event, "prior_authorization_id", None),
        appointment=_appointment(event),
        traceparent=saying.traceparent,
    )


def _card_of(event: ReferralEvent, *, means: Means) -> ReferralCard:
    card = event.unsealed(means.sealer, ReferralCard)
    if card is None:
        raise SetAside("no_card", f"{event.type} tells nothing of the patient")
    return card


def _appointment(event: ReferralEvent) -> Appointment | None:
    booked = getattr(event, "appointment", None)
    return booked if isinstance(booked, Appointment) else None


def key_of(event: ReferralEvent) -> str:
    """Return what is the same for every copy of one event and for no other event."""
    clear = event.model_dump_json(exclude={"sealed"})
    return hashlib.sha256(f"{event.type}:{clear}".encode()).hexdigest()


async def _follow_authorization(
    tx: Transaction, said: Saying, notice: Notice, *, now: datetime
) -> None:
    """Start, restart or stop the heartbeat of a prior authorization.

    The beat comes first: a "still pending" that is being written at this moment is waited for, and
    superseded like those before it.
    """
    event = said.event
    if isinstance(event, PriorAuthorizationChanged):
        if event.open:
            await heartbeats.start(tx, event, next_beat(said.clinic, now))
        else:
            await heartbeats.stop(tx, event.prior_authorization_id)
        await supersede_pending(tx, notice, event.prior_authorization_id, now=now)
    else:
        await heartbeats.stop_all(tx, event.referral_id)
        await supersede_pending(tx, notice, None, now=now)


async def supersede_pending(
    tx: Transaction, notice: Notice, authorization_id: UUID | None, *, now: datetime
) -> None:
    """Let a newer notice say what a "still pending" that can be taken back would have said.

    The only notices that are ever skipped. The newer one inherits the promise with its deadline.
    """
    pending = await notices.open_pending(
        tx, notice["referral_id"], prior_authorization_id=authorization_id
    )
    for older in pending:
        await notices.lock(tx, older["id"])
        under_way = await deliveries.of_notice(tx, older["id"], LIVE)
        if older["id"] != notice["id"] and all(map(can_be_taken_back, under_way)):
            await withdraw_rest(tx, older["id"], reason="superseded", now=now)
            await notices.supersede(tx, older["id"], by=notice["id"])
            await tasks.close_moot(tx, older["id"], now=now)
            await promises.hand_over(tx, older["id"], to=notice["id"])
