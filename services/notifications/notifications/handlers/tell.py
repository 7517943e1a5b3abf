"""Tell a clinic of an event: notice, promise and first delivery in one transaction."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import RowMapping

from common.database import Transaction
from common.errors import SetAside
from common.events.clinic import PromiseKind
from common.events.people import ReferralCard
from common.events.referral import Appointment, PriorAuthorizationChanged, ReferralEvent
from common.ids import new_id
from notifications.domain import promise
from notifications.domain.clinic import Clinic
from notifications.domain.delivery import LIVE
from notifications.domain.heartbeat import next_beat
from notifications.domain.notice import Letter
from notifications.domain.telling import ENDS, TOLD
from notifications.handlers import route
from notifications.handlers.means import Means
from notifications.handlers.owe import owe
from notifications.handlers.withdraw import can_be_taken_back, withdraw_rest
from notifications.store import clinics, deliveries, early, heartbeats, notices, promises, tasks
from notifications.store.notices import NewNotice
from notifications.store.tasks import TaskKind
from notifications.wording import compose

log = structlog.get_logger()

FIRST = 1


@dataclass(frozen=True, slots=True)
class Saying:
    """What is to be said: which notice, of which event, and what is owed with it since when."""

    name: str
    event: ReferralEvent
    key: str
    owed: PromiseKind | None
    since: datetime


async def tell(tx: Transaction, event: ReferralEvent, *, means: Means, now: datetime) -> None:
    """Tell the referral's clinic of an event, once.

    Topics do not wait for each other: an event of a clinic that is not known yet is kept until
    the clinic is; its promise counts from the event all the same.
    """
    clinic = await clinics.find(tx, event.clinic_id, sealer=means.sealer, hold=True)
    if clinic is None:
        await _keep_early(tx, event, means=means, now=now)
        return
    telling = TOLD[type(event)]
    said = Saying(telling.notice, event, key_of(event), telling.owed, promise.started_at(event))
    if notice := await say(tx, said, clinic, means=means, now=now):
        await _follow_authorization(tx, event, notice, clinic, now=now)


async def _keep_early(
    tx: Transaction, event: ReferralEvent, *, means: Means, now: datetime
) -> None:
    """Keep an event, and ask a person where its clinic is: no promise runs before it is known."""
    _card_of(event, means=means)
    await early.keep(tx, event, now=now)
    unknown = event.clinic_id
    await tasks.add(tx, TaskKind.UNKNOWN_CLINIC, unknown, now=now, clinic_id=unknown)
    log.warning("clinic_not_known_yet", clinic_id=unknown)


async def say(
    tx: Transaction, saying: Saying, clinic: Clinic, *, means: Means, now: datetime
) -> RowMapping | None:
    """Write a notice, promise it and begin to deliver it; None when it was said before."""
    new = _compose(saying, clinic, means=means, now=now)
    if not await notices.add(tx, new, sealer=means.sealer, now=now):
        return None
    notice = await notices.get(tx, new.id)
    if saying.owed is not None:
        await owe(tx, notice, saying.owed, clinic, started_at=saying.since, now=now)
    configured = means.configured
    if await route.begin_next(tx, notice, clinic, configured, series=FIRST, now=now) is None:
        await route.ask_a_person(tx, TaskKind.NO_ELIGIBLE_CHANNEL, notice, now=now)
    log.info("notice_written", notice_id=str(new.id), clinic_id=clinic.id, kind=saying.name)
    return notice


def _compose(saying: Saying, clinic: Clinic, *, means: Means, now: datetime) -> NewNotice:
    event = saying.event
    card = _card_of(event, means=means)
    notice = compose(event, card, clinic, name=saying.name, now=now)
    return NewNotice(
        id=new_id(),
        event_key=saying.key,
        event=event,
        letter=Letter(notice, card.place),
        prior_authorization_id=getattr(event, "prior_authorization_id", None),
        appointment=_appointment(event),
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
    tx: Transaction, event: ReferralEvent, notice: RowMapping, clinic: Clinic, *, now: datetime
) -> None:
    """Start, restart or stop the heartbeat of a prior authorization.

    The beat comes first: a "still pending" that is being written at this moment is waited for, and
    superseded like those before it.
    """
    if isinstance(event, PriorAuthorizationChanged):
        if event.open:
            await heartbeats.start(tx, event, next_beat(clinic, now))
        else:
            await heartbeats.stop(tx, event.prior_authorization_id)
        await supersede_pending(tx, notice, event.prior_authorization_id, now=now)
    elif isinstance(event, ENDS):
        await heartbeats.stop_all(tx, event.referral_id)
        await supersede_pending(tx, notice, None, now=now)


async def supersede_pending(
    tx: Transaction, notice: RowMapping, authorization_id: UUID | None, *, now: datetime
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
