"""Give a promise, and decide what becomes of it: kept, at risk, broken."""

from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import RowMapping

from common import metrics, outbox
from common.database import Transaction
from common.events.notification import PromiseBroken, Promised, PromiseKept
from notifications.domain import promise
from notifications.domain.promise import PromiseState
from notifications.store import promises, tasks
from notifications.store.promises import NewPromise
from notifications.store.tasks import TaskKind

log = structlog.get_logger()


async def owe_all(tx: Transaction, new: Sequence[NewPromise], *, now: datetime) -> None:
    """Promise clinics notices, and tell of it in the trace of each notice."""
    rows = await promises.add_all(tx, new)
    told = [Promised.model_validate(promises.facts(row, now)) for row in rows]
    traces = [one.notice["traceparent"] for one in new]
    await outbox.append_all(tx, told, traces=traces, now=now)


async def settle(tx: Transaction, notice: RowMapping, *, at: datetime, now: datetime) -> None:
    """Decide the promises of a notice that the clinic has had since `at`.

    That moment decides, not the one at which we heard of it: what was told broken in between is
    told kept after all.
    """
    for row in await promises.of_notice(tx, notice["id"]):
        _observe(row, at)
        if promise.fate(at, row["due_at"]) is PromiseState.KEPT:
            await _keep(tx, row, at=at, now=now)
        else:
            await fail_to_keep(tx, row, now=now)
            await promises.deliver_late(tx, row["id"], at=at)


def _observe(row: RowMapping, at: datetime) -> None:
    if row["delivered_at"] is None:
        left = (row["due_at"] - at).total_seconds()
        metrics.promise_margin.labels(row["kind"]).observe(left)


async def _keep(tx: Transaction, row: RowMapping, *, at: datetime, now: datetime) -> None:
    kept = await promises.move(tx, row["id"], PromiseState.KEPT, kept_at=at, delivered_at=at)
    if kept is not None:
        facts = promises.facts(kept, now) | {"kept_at": at}
        await outbox.append(tx, PromiseKept.model_validate(facts), now=now)
        metrics.promises.labels(row["kind"], "kept").inc()
        await tasks.close_kind(tx, TaskKind.PROMISE_BROKEN, str(row["id"]), now=now)


async def fail_to_keep(tx: Transaction, row: RowMapping, *, now: datetime) -> bool:
    """Record that the time of a promise ran out; return False when it was decided before."""
    broken = await promises.move(tx, row["id"], PromiseState.BROKEN, broken_at=now)
    if broken is None:
        return False
    await outbox.append(tx, PromiseBroken.model_validate(promises.facts(broken, now)), now=now)
    await tasks.add(
        tx,
        TaskKind.PROMISE_BROKEN,
        str(row["id"]),
        now=now,
        clinic_id=row["clinic_id"],
        referral_id=row["referral_id"],
        notice_id=row["notice_id"],
        promise_id=row["id"],
    )
    metrics.promises.labels(row["kind"], "broken").inc()
    log.warning("promise_broken", promise_id=str(row["id"]), kind=row["kind"])
    return True
