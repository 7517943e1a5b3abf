"""Deliveries: rows that workers claim, and the one conditional write by which each moves."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, exists, func, or_, select, update

from common import claims
from common.database import Transaction
from common.errors import NotFound
from common.events.notification import ChannelName
from common.ids import new_id
from common.rows import insert_all
from common.sealing import Sealer
from notifications.domain.delivery import LIVE, DeliveryState, sources
from notifications.store.notices import Notice
from notifications.store.tables import clinics, deliveries, notices

_S = DeliveryState
_D = deliveries.c

LONGEST_LOOK = 1000
"""Rows of one look at what waits: more clinics than that are not told at the same moment."""

UNCLAIMED = {"lease_token": None, "leased_until": None}


@dataclass(frozen=True, slots=True)
class Request:
    """A person's wish to send once more."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A delivery about to be written, in the trace in which it shall be made."""

    notice: Notice
    channel: ChannelName
    state: DeliveryState
    series: int
    traceparent: str | None
    id: UUID = field(default_factory=new_id)


async def add_all(tx: Transaction, new: Sequence[NewDelivery], *, now: datetime) -> None:
    """Write deliveries that have not begun."""
    await insert_all(tx, (deliveries, [_row(one, now) for one in new]))


def _row(new: NewDelivery, now: datetime) -> dict[str, Any]:
    return {
        "id": new.id,
        "notice_id": new.notice["id"],
        "referral_id": new.notice["referral_id"],
        "clinic_id": new.notice["clinic_id"],
        "channel": new.channel,
        "series": new.series,
        "state": new.state,
        "next_attempt_at": now,
        "created_at": now,
        "traceparent": new.traceparent,
    }


def _reason_context(delivery_id: UUID) -> str:
    return f"notifications.deliveries:{delivery_id}:request_reason"


async def note_request(
    tx: Transaction, delivery_id: UUID, request: Request, *, sealer: Sealer
) -> None:
    """Record who asked for a delivery and why; the reason is free text, so it is sealed."""
    reason = sealer.seal_bytes(request.reason.encode(), _reason_context(delivery_id))
    values = {"requested_by": request.by, "request_reason": reason}
    await tx.execute(update(deliveries).where(_D.id == delivery_id).values(values))


def reason_of(row: RowMapping, *, sealer: Sealer) -> str | None:
    """Open why a person asked for the delivery."""
    sealed = row["request_reason"]
    return sealer.unseal_bytes(sealed, _reason_context(row["id"])).decode() if sealed else None


async def find(tx: Transaction, delivery_id: UUID) -> RowMapping | None:
    """Return a delivery's row, or None."""
    query = select(deliveries).where(_D.id == delivery_id)
    return (await tx.execute(query)).mappings().one_or_none()


async def get(tx: Transaction, delivery_id: UUID) -> RowMapping:
    """Return a delivery's row; NotFound when there is none."""
    row = await find(tx, delivery_id)
    if row is None:
        raise NotFound(f"no delivery {delivery_id}")
    return row


async def move(
    tx: Transaction, delivery_id: UUID, to: DeliveryState, **values: Any
) -> RowMapping | None:
    """Move a delivery where the table of moves allows it; None when it stands elsewhere.

    Whoever held it holds it no more, and what ends gets no further attempt.
    """
    movable = (_D.id == delivery_id) & _D.state.in_(sources(to))
    moved = update(deliveries).where(movable).values(UNCLAIMED | values | {"state": to})
    return (await tx.execute(moved.returning(*deliveries.c))).mappings().one_or_none()


async def postpone(tx: Transaction, notice_id: UUID, *, until: datetime) -> None:
    """Let what waits for its next attempt wait until then at least."""
    waiting = (_D.notice_id == notice_id) & (_D.state == _S.QUEUED) & (_D.next_attempt_at < until)
    await tx.execute(update(deliveries).where(waiting).values(next_attempt_at=until))


async def of_notice(
    tx: Transaction, notice_id: UUID, states: Collection[DeliveryState] = frozenset(DeliveryState)
) -> Sequence[RowMapping]:
    """Return a notice's deliveries in these states, oldest first."""
    query = select(deliveries).where(_D.notice_id == notice_id, _D.state.in_(states))
    return (await tx.execute(query.order_by(_D.id))).mappings().all()


async def held_of_clinic(tx: Transaction, clinic_id: str) -> Sequence[RowMapping]:
    """Return what may not leave for the clinic yet, in the order in which it shall leave."""
    query = select(deliveries).where(_D.clinic_id == clinic_id, _D.state == _S.HELD)
    return (await tx.execute(query.order_by(_D.notice_id, _D.id))).mappings().all()


async def missed(
    tx: Transaction, clinic_id: str, channel: ChannelName, *, since: datetime
) -> Sequence[RowMapping]:
    """Return, for each open notice since then, its last failed delivery by a channel, in order."""
    told = (notices.c.id == _D.notice_id) & notices.c.confirmed_at.is_(None)
    unsaid = exists(select(notices.c.id).where(told, notices.c.superseded_by.is_(None)))
    mine = (_D.clinic_id == clinic_id) & (_D.channel == channel) & (_D.created_at >= since)
    lost = _D.state.in_((_S.FAILED, _S.WITHDRAWN))
    query = select(deliveries).where(mine, lost, unsaid).order_by(_D.notice_id, _D.series)
    rows = (await tx.execute(query)).mappings().all()
    return list({row["notice_id"]: row for row in rows}.values())


async def last_to(tx: Transaction, clinic_id: str, destination: str, *, reason: str) -> UUID | None:
    """Return a clinic's latest delivery that an address failed for this reason."""
    mine = (_D.clinic_id == clinic_id) & (_D.destination == destination) & (_D.reason == reason)
    latest = select(_D.id).where(mine).order_by(_D.ended_at.desc(), _D.id.desc()).limit(1)
    return (await tx.execute(latest)).scalar_one_or_none()


async def last_series(tx: Transaction, notice_id: UUID) -> int:
    """Return the number of a notice's latest series, 0 when nothing was planned yet."""
    latest = await tx.scalar(select(func.max(_D.series)).where(_D.notice_id == notice_id))
    return latest or 0


async def channels_used(tx: Transaction, notice_id: UUID, series: int) -> frozenset[ChannelName]:
    """Return the channels that a series has tried or is trying."""
    query = select(_D.channel).where(_D.notice_id == notice_id, _D.series == series)
    return frozenset((await tx.execute(query)).scalars())


def overtaken() -> ColumnElement[bool]:
    """Return whether an older notice of the same referral still has to leave on the same channel.

    emr-bridge keeps the order of what it was given, so only what it has not yet been given counts.
    """
    older = deliveries.alias("older")
    before = or_(
        older.c.notice_id < _D.notice_id,
        (older.c.notice_id == _D.notice_id) & (older.c.series < _D.series),
    )
    unsettled = older.c.state.in_(LIVE) & ~(
        (older.c.channel == "emr") & (older.c.state == _S.SUBMITTED)
    )
    same = (older.c.referral_id == _D.referral_id) & (older.c.channel == _D.channel)
    return exists(select(older.c.id).where(same, before, unsettled).correlate(deliveries))


def ready(channel: ChannelName, now: datetime) -> ColumnElement[bool]:
    """Return which deliveries may make their next attempt: each referral's notices in order."""
    queued = (_D.channel == channel) & (_D.state == _S.QUEUED)
    return queued & (_D.next_attempt_at <= now) & ~overtaken()


def abandoned(channel: ChannelName, now: datetime) -> ColumnElement[bool]:
    """Return of which deliveries nobody knows whether the last attempt went out.

    Either it ended without an answer, or whoever was sending let the lease run out.
    """
    lost = (_D.state == _S.SENDING) | ((_D.state == _S.UNKNOWN) & (_D.next_attempt_at <= now))
    return (_D.channel == channel) & lost


def to_ask_about(channel: ChannelName, now: datetime) -> ColumnElement[bool]:
    """Return which deliveries the gateway has and is to be asked about now."""
    submitted = (_D.channel == channel) & (_D.state == _S.SUBMITTED)
    return submitted & (_D.next_attempt_at <= now)


async def any_due(
    tx: Transaction, due: ColumnElement[bool], *, lease: timedelta, now: datetime
) -> bool:
    """Return whether a claim would find something: a look that writes nothing and wakes nobody."""
    free = claims.is_free(deliveries, lease=lease, now=now)
    return await tx.scalar(select(_D.id).where(due, free).limit(1)) is not None


async def to_endpoints(
    tx: Transaction, due: ColumnElement[bool], *, each: int, lease: timedelta, now: datetime
) -> Sequence[RowMapping]:
    """Return what a claim could find: at most `each` of a clinic, with its URL, longest waiting first."""
    free = claims.is_free(deliveries, lease=lease, now=now)
    waited = (_D.next_attempt_at, _D.notice_id)
    place = func.row_number().over(partition_by=_D.clinic_id, order_by=waited).label("place")
    url = clinics.c.facts["webhook_url"].as_string().label("url")
    mine = select(_D.id, url, *waited, place).join(clinics, clinics.c.id == _D.clinic_id)
    found = mine.where(due, free).subquery("found")
    first = select(found).where(found.c.place <= each)
    ordered = first.order_by(found.c.next_attempt_at, found.c.notice_id).limit(LONGEST_LOOK)
    return (await tx.execute(ordered)).mappings().all()


async def lock_notices(
    tx: Transaction, due: ColumnElement[bool], *, limit: int, lease: timedelta, now: datetime
) -> Sequence[UUID]:
    """Hold the notices of deliveries that are due, the longest waiting first, and return them.

    A notice that somebody else changes at this moment is passed over: a confirmation that is
    being recorded must not be overtaken by another attempt.
    """
    free = claims.is_free(deliveries, lease=lease, now=now)
    query = select(notices.c.id).join(deliveries, _D.notice_id == notices.c.id).where(due, free)
    first = query.order_by(_D.next_attempt_at, _D.notice_id).limit(limit)
    return (await tx.execute(first.with_for_update(of=notices, skip_locked=True))).scalars().all()


def belongs_to(notice_ids: Collection[UUID]) -> ColumnElement[bool]:
    """Return which deliveries are of these notices."""
    return _D.notice_id.in_(notice_ids)


def is_one_of(ids: Collection[UUID]) -> ColumnElement[bool]:
    """Return which deliveries these are."""
    return _D.id.in_(ids)


async def claim(
    tx: Transaction, due: ColumnElement[bool], *, limit: int, lease: timedelta, now: datetime
) -> list[RowMapping]:
    """Lease deliveries that are due, the longest waiting first."""
    order = (_D.next_attempt_at, _D.notice_id)
    return await claims.claim(
        tx, deliveries, due=due, order_by=order, limit=limit, lease=lease, now=now
    )


async def write_held(tx: Transaction, held: RowMapping, **values: Any) -> bool:
    """Write to a delivery only while it is held by this claim; False when the lease was lost."""
    mine = (_D.id == held["id"]) & (_D.lease_token == held["lease_token"])
    return (await tx.execute(update(deliveries).where(mine).values(values))).rowcount == 1


async def release(tx: Transaction, held: RowMapping) -> bool:
    """Let a claimed delivery go; False when it was not held any more: what came back is stale."""
    return await write_held(tx, held, **UNCLAIMED)


async def mark_late(tx: Transaction, delivery_id: UUID) -> None:
    """Record that the clinic had the notice already when this delivery was confirmed."""
    await tx.execute(update(deliveries).where(_D.id == delivery_id).values(late=True))


async def ask_soon(tx: Transaction, gateway_id: str, *, now: datetime) -> Sequence[RowMapping]:
    """Have the gateway asked at once about a fax of which it called back; return whose it is."""
    mine = (_D.gateway_id == gateway_id) & (_D.state == _S.SUBMITTED)
    soon = update(deliveries).where(mine).values(next_attempt_at=now)
    return (await tx.execute(soon.returning(_D.id, _D.traceparent))).mappings().all()
