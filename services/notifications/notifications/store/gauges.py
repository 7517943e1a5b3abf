"""What waits, counted for Prometheus: promises, deliveries, tasks. Reads only."""

from collections.abc import Sequence
from datetime import datetime
from itertools import product

from sqlalchemy import and_, func, or_, select

from common import metrics
from common.database import Transaction
from common.events.clinic import CHANNELS, PromiseKind
from common.gauges import Reading, age
from notifications.domain.delivery import LIVE
from notifications.domain.promise import RUNNING, PromiseState
from notifications.store.tables import deliveries, promises, tasks
from notifications.store.tasks import TaskKind


async def ask(tx: Transaction, now: datetime) -> Sequence[Reading]:
    """Count what waits; what does not is told as 0, so that an alert sees it end."""
    return [*await _promises(tx), *await _deliveries(tx, now), *await _tasks(tx)]


async def _promises(tx: Transaction) -> list[Reading]:
    """Count a broken promise too until the clinic has been told."""
    table = promises.c
    broken = and_(table.state == PromiseState.BROKEN, table.delivered_at.is_(None))
    owed = or_(table.state.in_(RUNNING), broken)
    query = select(table.kind, table.state, func.count()).where(owed)
    rows = await tx.execute(query.group_by(table.kind, table.state))
    found = {(row[0], row[1]): row[2] for row in rows}
    places = product(PromiseKind, (*sorted(RUNNING), PromiseState.BROKEN))
    return [
        (metrics.promises_open, (kind.value, state.value), found.get((kind, state), 0))
        for kind, state in places
    ]


async def _deliveries(tx: Transaction, now: datetime) -> list[Reading]:
    """Name the channels too: the index begins with them."""
    table = deliveries.c
    live = table.channel.in_(CHANNELS) & table.state.in_(LIVE)
    query = select(table.channel, table.state, func.count(), func.min(table.created_at))
    rows = (await tx.execute(query.where(live).group_by(table.channel, table.state))).all()
    counts = {(row[0], row[1]): row[2] for row in rows}
    readings: list[Reading] = [
        (metrics.deliveries_waiting, (channel, state.value), counts.get((channel, state), 0))
        for channel, state in product(CHANNELS, sorted(LIVE))
    ]
    for channel in CHANNELS:
        ages = [age(row[3], now) for row in rows if row[0] == channel]
        readings.append((metrics.deliveries_oldest, (channel,), max(ages, default=0.0)))
    return readings


async def _tasks(tx: Transaction) -> list[Reading]:
    query = select(tasks.c.kind, func.count()).where(tasks.c.state == "open")
    found = {row[0]: row[1] for row in await tx.execute(query.group_by(tasks.c.kind))}
    return [(metrics.tasks_open, (kind.value,), found.get(kind, 0)) for kind in TaskKind]
