"""Begin attempts: claim what is due, check that it may leave, and record it before it does."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, RowMapping

from common import tracing
from common.database import Transaction
from common.sealing import Sealer
from notifications.domain.clinic import Clinic
from notifications.domain.delivery import DeliveryState
from notifications.domain.parcel import Parcel
from notifications.domain.routing import destination, may_leave
from notifications.handlers import route
from notifications.handlers.fail import Failure, give_up, is_wanted
from notifications.handlers.means import Means
from notifications.handlers.withdraw import withdraw
from notifications.store import attempts, clinics, deliveries, notices

log = structlog.get_logger()

UNREACHABLE = Failure("not_eligible")
"""The channel was usable when it was chosen and is not any more."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An attempt that may leave now: the held delivery, and what the channel shall carry."""

    delivery: RowMapping
    parcel: Parcel


async def begin(
    tx: Transaction,
    ready: ColumnElement[bool],
    *,
    means: Means,
    limit: int,
    lease: timedelta,
    now: datetime,
) -> list[Outgoing]:
    """Claim deliveries that are `ready` and record their attempts as begun.

    From the commit on, whoever finds such a row must take it that the attempt may have gone out.
    """
    notice_ids = await deliveries.lock_notices(tx, ready, limit=limit, lease=lease, now=now)
    due = ready & deliveries.belongs_to(notice_ids)
    held = await deliveries.claim(tx, due, limit=limit, lease=lease, now=now)
    prepared = [await _in_its_trace(tx, row, means=means, now=now) for row in held]
    return [outgoing for outgoing in prepared if outgoing is not None]


async def _in_its_trace(
    tx: Transaction, row: RowMapping, *, means: Means, now: datetime
) -> Outgoing | None:
    with tracing.span("begin attempt", parent=row["traceparent"], delivery_id=row["id"]) as span:
        outgoing = await _prepare(tx, row, means=means, now=now)
        span.note(channel=row["channel"], outcome="leaves" if outgoing else "stays")
        return outgoing


async def _prepare(
    tx: Transaction, row: RowMapping, *, means: Means, now: datetime
) -> Outgoing | None:
    """Check number, endpoint and BAA as they are now, not as they were when it was planned."""
    notice = await notices.get(tx, row["notice_id"])
    clinic = await clinics.get(tx, row["clinic_id"], sealer=means.sealer, hold=True)
    to = destination(clinic, row["channel"]) if row["channel"] in means.configured else None
    if not is_wanted(notice, row):
        await withdraw(tx, row, reason="confirmed_elsewhere", now=now)
    elif not may_leave(clinic):
        await deliveries.move(tx, row["id"], DeliveryState.HELD)
        await route.ask_for_baa(tx, clinic.id, now=now)
    elif to is None:
        await give_up(tx, row["id"], UNREACHABLE, means=means, now=now)
    else:
        begun = await _record(tx, row, to, now=now)
        return Outgoing(begun, parcel_of(begun, notice, clinic, sealer=means.sealer))
    return None


def parcel_of(
    row: RowMapping | Mapping[str, Any], notice: RowMapping, clinic: Clinic, *, sealer: Sealer
) -> Parcel:
    """Return what a channel carries for a delivery (`attempt_id`, `id`, `destination`)."""
    return Parcel(
        attempt_id=row["attempt_id"],
        delivery_id=row["id"],
        notice_id=notice["id"],
        referral_id=notice["referral_id"],
        clinic_id=clinic.id,
        event_type=notice["event_type"],
        referral_status=notice["status"],
        waiting_on=notice["waiting_on"],
        happened_at=notice["happened_at"],
        appointment=notices.appointment_of(notice),
        destination=row["destination"],
        time_zone=clinic.time_zone,
        letter=notices.letter_of(notice, sealer=sealer),
        secret=clinic.webhook_secret,
    )


async def _record(tx: Transaction, row: RowMapping, to: str, *, now: datetime) -> RowMapping:
    number = row["attempts"] + 1
    attempt_id = await attempts.begin(tx, row["id"], number, now=now)
    await deliveries.write_held(
        tx,
        row,
        state=DeliveryState.SENDING,
        attempts=number,
        attempt_id=attempt_id,
        destination=to,
        first_attempt_at=row["first_attempt_at"] or now,
    )
    return await deliveries.get(tx, row["id"])
