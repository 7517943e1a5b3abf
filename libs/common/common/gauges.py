"""Gauges that are read when Prometheus asks: how much waits, and how long it has waited.

A service adds what it asks its own tables; what all services have is asked here. What cannot be read
is left out of the page: an old value would look like a fresh one.
"""

import asyncio
import math
import shutil
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path

import structlog
from prometheus_client import Gauge
from sqlalchemy import func, make_url, select

from common import metrics
from common.clock import Clock
from common.database import Database, Transaction
from common.eventlog.port import EventLog
from common.tables import dead_letters, outbox

log = structlog.get_logger()

FRESH_SECONDS = 5.0
"""How long a reading is told again: several who scrape cost as much as one."""

PATIENCE_SECONDS = 4.0
"""How long one reading may take: Prometheus gives up after ten."""

Reading = tuple[Gauge, tuple[str, ...], float]
Measure = Callable[[], Awaitable[Sequence[Reading]]]
Ask = Callable[[Transaction, datetime], Awaitable[Sequence[Reading]]]


class Gauges:
    """The readings of one service, taken at most every few seconds."""

    def __init__(self, service: str, measures: Sequence[Measure] = ()) -> None:
        """Read nothing yet."""
        self._service = service
        self._measures = measures
        self._told: dict[int, set[tuple[Gauge, tuple[str, ...]]]] = {}
        self._fresh_until = 0.0
        self._one_at_a_time = asyncio.Lock()

    async def refresh(self) -> None:
        """Take every reading that is not fresh, side by side."""
        loop = asyncio.get_running_loop()
        async with self._one_at_a_time:
            if loop.time() < self._fresh_until:
                return
            await asyncio.gather(*(self._read(n, m) for n, m in enumerate(self._measures)))
            self._fresh_until = loop.time() + FRESH_SECONDS

    async def _read(self, number: int, measure: Measure) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                readings = await measure()
        except Exception as error:  # noqa: BLE001 - the page is answered without these readings
            log.warning("gauges_failed", service=self._service, error_class=type(error).__name__)
            self._forget(self._told.pop(number, set()))
            return
        for gauge, labels, value in readings:
            (gauge.labels(*labels) if labels else gauge).set(value)
        now = {(gauge, labels) for gauge, labels, _ in readings}
        self._forget(self._told.get(number, set()) - now)
        self._told[number] = now

    def _forget(self, told: set[tuple[Gauge, tuple[str, ...]]]) -> None:
        for gauge, labels in told:
            if labels:
                gauge.remove(*labels)
            else:
                gauge.set(math.nan)


def of_tables(db: Database, clock: Clock, asks: Sequence[Ask]) -> Measure:
    """Return a measure that asks a database's tables one after the other, on one connection."""

    async def measure() -> list[Reading]:
        now = clock()
        async with db.read() as tx:
            return [reading for ask in asks for reading in await ask(tx, now)]

    return measure


def shared(service: str) -> Ask:
    """Return what every service asks: the outbox, and the dead letters that wait."""

    async def ask(tx: Transaction, now: datetime) -> list[Reading]:
        depth = await tx.scalar(select(func.count()).select_from(outbox)) or 0
        oldest = await tx.scalar(select(outbox.c.created_at).order_by(outbox.c.id).limit(1))
        letters = select(func.count()).select_from(dead_letters)
        waiting = await tx.scalar(letters.where(dead_letters.c.replayed_at.is_(None))) or 0
        return [
            (metrics.outbox_events, (service,), depth),
            (metrics.outbox_oldest, (service,), age(oldest, now)),
            (metrics.dead_letters_waiting, (service,), waiting),
        ]

    return ask


def lag(log: EventLog, group: str, topics: Sequence[str]) -> Measure:
    """Return a measure of how many records a group has not handled yet."""

    async def measure() -> list[Reading]:
        behind = await log.lag(topics, group=group) if topics else {}
        return [(metrics.consumer_lag, (group, t), count) for t, count in behind.items()]

    return measure


def room(service: str, db: Database) -> Measure:
    """Return a measure of the free room where a database is a file; a server has metrics of its own."""

    async def measure() -> list[Reading]:
        if not db.is_sqlite:
            return []
        folder = Path(make_url(db.url).database or ".").parent
        used = await asyncio.to_thread(shutil.disk_usage, folder)
        return [(metrics.data_free_ratio, (service,), used.free / used.total)]

    return measure


def publishing(service: str, clock: Clock) -> Callable[[Sequence[datetime]], None]:
    """Return what the relay tells of when the events that it has published were written."""
    took = metrics.commit_to_publish.labels(service)

    def observe(written: Sequence[datetime]) -> None:
        now = clock()
        for when in written:
            took.observe(age(when, now))

    return observe


def age(since: datetime | None, now: datetime) -> float:
    """Return the seconds since then, 0 where nothing waits."""
    return max(0.0, (now - since).total_seconds()) if since else 0.0
