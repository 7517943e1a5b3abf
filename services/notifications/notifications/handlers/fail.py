"""Give up a delivery: the next channel goes on, or a person must."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import RowMapping

from common import outbox
from common.database import Transaction
from common.events.notification import ChannelName, DeliveryFailed
from notifications.domain.delivery import LIVE, DeliveryState
from notifications.handlers import route, switched_off
from notifications.handlers.means import Means
from notifications.handlers.switched_off import BAD_NUMBER, GONE
from notifications.handlers.withdraw import withdraw
from notifications.store import attempts, clinics, deliveries, notices, promises, tasks
from notifications.store.tasks import TaskKind

log = structlog.get_logger()

ACCOUNT = "account"
"""The gateway refuses us, not the fax: no credit, or credentials that it does not take."""
UNPRINTABLE = "unprintable"
"""Our page cannot be laid out: nothing was sent, and the number and the gateway are not to blame."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt or a delivery failed: our class, and the far side's own code."""

    reason: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Onward:
    """How a notice goes on after one of its deliveries failed."""

    channel: ChannelName | None = None
    needs_person: bool = False


async def try_again(
    tx: Transaction,
    row: RowMapping,
    failure: Failure,
    *,
    at: datetime | None,
    means: Means,
    now: datetime,
) -> None:
    """End an attempt: the next is due `at`, or this channel gives up (None).

    What nobody waits for any more is withdrawn instead. Once a promise is at risk, each failed
    attempt brings in the next channel at once, while this one is tried again as planned.
    """
    notice = await notices.lock(tx, row["notice_id"])
    await attempts.end(tx, row["attempt_id"], failure.reason, now=now, code=failure.code)
    if not is_wanted(notice, row):
        await withdraw(tx, row, reason="confirmed_elsewhere", now=now)
    elif at is None:
        await give_up(tx, row["id"], failure, means=means, now=now)
    else:
        again = {"next_attempt_at": max(at, now), "reason": failure.reason, "code": failure.code}
        await deliveries.move(tx, row["id"], DeliveryState.QUEUED, **again)
        if await promises.is_pressing(tx, notice["id"]):
            await _hurry(tx, notice, row, means=means, now=now)


async def _hurry(
    tx: Transaction, notice: RowMapping, row: RowMapping, *, means: Means, now: datetime
) -> None:
    """Begin the next channel beside this one: with little time left a retry alone is too slow."""
    clinic = await clinics.get(tx, notice["clinic_id"], sealer=means.sealer, hold=True)
    series = row["series"]
    await route.begin_next(tx, notice, clinic, means.configured, series=series, now=now)


def is_wanted(notice: RowMapping, row: RowMapping) -> bool:
    """Return whether a delivery still has a purpose: an open notice, or a copy asked for."""
    return notices.is_open(notice) or row["requested_by"] is not None


async def give_up(
    tx: Transaction,
    delivery_id: UUID,
    failure: Failure,
    *,
    means: Means,
    now: datetime,
    tried: int | None = None,
) -> None:
    """End a delivery that this channel cannot make; a repeat changes nothing.

    `tried` is how often another service tried on our behalf.
    """
    found = await deliveries.find(tx, delivery_id)
    if found is None:
        return
    notice = await notices.lock(tx, found["notice_id"])
    over = {"ended_at": now, "reason": failure.reason, "code": failure.code}
    over["attempts"] = tried or found["attempts"]
    row = await deliveries.move(tx, delivery_id, DeliveryState.FAILED, **over)
    if row is None:
        return
    await attempts.end(tx, row["attempt_id"], failure.reason, now=now, code=failure.code)
    await _stop_using(tx, row, means=means, now=now)
    onward = await _go_on(tx, notice, row, means=means, now=now)
    await outbox.append(tx, _event(notice, row, onward, now), now=now)
    log.info(
        "delivery_failed", delivery_id=str(delivery_id), channel=row["channel"], code=failure.reason
    )


async def _stop_using(tx: Transaction, row: RowMapping, *, means: Means, now: datetime) -> None:
    """Quarantine a wrong number, disable a gone endpoint, before another notice goes there.

    Nobody is asked about an address that the clinic has given up meanwhile. A fax account that
    is refused concerns every clinic: operations are asked, once. A page that cannot be laid out is
    looked at, though the clinic may hear of it by another channel.
    """
    about = {"clinic_id": row["clinic_id"], "delivery_id": row["id"]}
    if row["reason"] == BAD_NUMBER:
        await clinics.quarantine(tx, row["clinic_id"], row["destination"], now=now)
    if row["reason"] == GONE:
        await clinics.disable_endpoint(tx, row["clinic_id"], row["destination"], now=now)
    if row["reason"] in (BAD_NUMBER, GONE):
        clinic = await clinics.get(tx, row["clinic_id"], sealer=means.sealer, hold=True)
        await switched_off.ask_about(tx, clinic, row, now=now)
    if row["reason"] == ACCOUNT:
        await tasks.add(tx, TaskKind.FAX_ACCOUNT, row["channel"], now=now, **about)
    if row["reason"] == UNPRINTABLE:
        page = {"referral_id": row["referral_id"], "notice_id": row["notice_id"]}
        await tasks.add(tx, TaskKind.UNPRINTABLE, str(row["notice_id"]), now=now, **about, **page)


async def _go_on(
    tx: Transaction, notice: RowMapping, row: RowMapping, *, means: Means, now: datetime
) -> Onward:
    """Begin the next channel; but a copy that a person asked for stays on its own, and the person hears of it."""
    if not is_wanted(notice, row) or await deliveries.of_notice(tx, notice["id"], LIVE):
        return Onward()
    channel = None
    if notices.is_open(notice):
        clinic = await clinics.get(tx, notice["clinic_id"], sealer=means.sealer, hold=True)
        series = row["series"]
        channel = await route.begin_next(
            tx, notice, clinic, means.configured, series=series, now=now
        )
    if channel is None:
        await route.ask_a_person(tx, TaskKind.CHANNELS_EXHAUSTED, [notice], now=now)
    return Onward(channel=channel, needs_person=channel is None)


def _event(notice: RowMapping, row: RowMapping, onward: Onward, now: datetime) -> DeliveryFailed:
    return DeliveryFailed(
        occurred_at=now,
        referral_id=row["referral_id"],
        clinic_id=row["clinic_id"],
        delivery_id=row["id"],
        notice_id=notice["id"],
        notice=notice["name"],
        channel=row["channel"],
        attempts=row["attempts"],
        reason_class=row["reason"],
        failure_code=row["code"],
        next_channel=onward.channel,
        needs_person=onward.needs_person,
    )
