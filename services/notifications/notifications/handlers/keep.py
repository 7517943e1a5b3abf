"""What the clock does: promises at risk, broken promises, and the "still pending" that is due."""

import hashlib
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import RowMapping

from common import metrics, outbox, tracing
from common.database import Transaction
from common.events.clinic import PromiseKind
from common.events.notification import PromiseAtRisk
from notifications.domain.heartbeat import next_beat
from notifications.domain.promise import PromiseState
from notifications.domain.routing import may_leave, next_channel
from notifications.domain.telling import PENDING
from notifications.handlers import route
from notifications.handlers.means import Means
from notifications.handlers.owe import fail_to_keep
from notifications.handlers.tell import Saying, say_all, supersede_pending
from notifications.store import clinics, deliveries, heartbeats, notices, promises

log = structlog.get_logger()

HEAD_START = timedelta(minutes=5)
"""So long a channel that waits leaves the next one alone: both at once would tell the clinic twice."""


async def endanger(tx: Transaction, promise_id: UUID, *, means: Means, now: datetime) -> None:
    """Act on three quarters of the time gone: tell operations, try the next channel at once."""
    found = await promises.find(tx, promise_id)
    if found is None:
        return
    notice = await notices.lock(tx, found["notice_id"])
    row = await promises.move(tx, promise_id, PromiseState.AT_RISK)
    if row is None:
        return
    if row["notice_id"] != notice["id"]:
        # Handed over to a newer notice while we waited for the older one.
        notice = await notices.lock(tx, row["notice_id"])
    with tracing.span("promise at risk", parent=notice["traceparent"], promise_id=promise_id):
        await outbox.append(tx, PromiseAtRisk.model_validate(promises.facts(row, now)), now=now)
        metrics.promises.labels(row["kind"], "at_risk").inc()
        log.warning("promise_at_risk", promise_id=str(promise_id), kind=row["kind"])
        if notices.is_open(notice):
            await _escalate(tx, notice, means=means, now=now)


async def _escalate(tx: Transaction, notice: RowMapping, *, means: Means, now: datetime) -> None:
    """Begin the next channel at once. What is on its way is left to finish, what waits waits on.

    It is not given up: were the next channel dead as well, nothing would be left to tell the clinic.
    """
    clinic = await clinics.get(tx, notice["clinic_id"], sealer=means.sealer, hold=True)
    series = await deliveries.last_series(tx, notice["id"])
    used = await deliveries.channels_used(tx, notice["id"], series)
    if may_leave(clinic) and next_channel(clinic, means.configured, used=used):
        await deliveries.postpone(tx, notice["id"], until=now + HEAD_START)
        await route.begin_next(tx, notice, clinic, means.configured, series=series, now=now)


async def break_promise(tx: Transaction, promise_id: UUID, *, means: Means, now: datetime) -> None:
    """Record that the time ran out without a confirmation: an event, and a task for a person.

    One that nobody had looked at in time is at risk first: its next channel is still to be tried.
    """
    await endanger(tx, promise_id, means=means, now=now)
    row = await promises.find(tx, promise_id)
    if row is not None:
        trace = (await notices.get(tx, row["notice_id"]))["traceparent"]
        with tracing.span("promise broken", parent=trace, promise_id=promise_id):
            await fail_to_keep(tx, row, now=now)


async def say_still_pending(
    tx: Transaction, prior_authorization_id: UUID, *, means: Means, now: datetime
) -> None:
    """Tell the clinic that a prior authorization is still open; the next beat counts from now."""
    taken = await heartbeats.take(tx, prior_authorization_id, now=now)
    if taken is None:
        return
    beat, event = taken
    # A day later: a trace of its own, which points to the one before.
    with tracing.span("say still pending", parent=None) as span:
        span.link(beat["traceparent"])
        clinic = await clinics.get(tx, event.clinic_id, sealer=means.sealer, hold=True)
        owed, since = PromiseKind.PRIOR_AUTHORIZATION_STATUS, beat["started_at"]
        key = _beat_key(prior_authorization_id, since)
        saying = Saying(PENDING, event, key, owed, since, clinic, tracing.current())
        for _, notice in await say_all(tx, [saying], means=means, now=now):
            await supersede_pending(tx, notice, prior_authorization_id, now=now)
        await heartbeats.start(tx, event, next_beat(clinic, now))


def _beat_key(prior_authorization_id: UUID, since: datetime) -> str:
    return hashlib.sha256(f"{prior_authorization_id}:{since.isoformat()}".encode()).hexdigest()
