"""Reads the log for one service: each event once, in order, in the transaction of its effect.

A batch is one transaction; where it fails, its records are taken one by one, so that only the bad
one waits or is set aside. Offsets are committed after the database. Knows no event.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from common import deadletter, inbox, metrics
from common.clock import Clock
from common.database import Database, Transaction
from common.deadletter import Failure
from common.errors import ReferralLoopError
from common.eventlog.port import EventLog, Record, Subscription
from common.events import registry
from common.events.envelope import Envelope, Event
from common.verdicts import Handlers, again_after, code_of

log = structlog.get_logger()

BATCH = 200
STORM = 20
"""So many dead letters in a row stop the consumer: a bad deploy must not empty the log into them."""


class DeadLetterStorm(ReferralLoopError):
    """Too many records in a row were set aside; the runner starts the consumer again later."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """A service's reading of the log."""

    group: str
    topics: Sequence[str]
    handlers: Handlers
    db: Database
    clock: Clock

    async def run(self, event_log: EventLog) -> None:
        """Handle records until cancelled."""
        async with event_log.subscribe(self.topics, group=self.group) as subscription:
            while True:
                await self.step(subscription, timeout_seconds=1.0)

    async def step(self, subscription: Subscription, *, timeout_seconds: float) -> int:
        """Handle what is there, commit the offsets; return how many records there were."""
        records = await subscription.fetch(limit=BATCH, timeout_seconds=timeout_seconds)
        if not records:
            return 0
        try:
            async with self.db.begin() as tx:
                await self._handle(tx, [(r, *registry.read(r.value)) for r in records])
        except Exception as error:  # noqa: BLE001 - any failure of the batch: find out whose it is
            log.info("batch_failed", group=self.group, code=code_of(error), records=len(records))
            await self._one_by_one(records)
        await subscription.commit(records)
        metrics.records_handled.labels(self.group).inc(len(records))
        return len(records)

    async def _handle(
        self, tx: Transaction, batch: Sequence[tuple[Record, Envelope, Event | None]]
    ) -> None:
        now = self.clock()
        wanted = [
            (record, envelope, event)
            for record, envelope, event in batch
            if event is not None and type(event) in self.handlers
        ]
        new = await inbox.first_sight(tx, {e.id: r.topic for r, e, _ in wanted}, now=now)
        seen: set[object] = set()
        for _, envelope, event in wanted:
            if envelope.id in new and envelope.id not in seen:
                seen.add(envelope.id)
                await self.handlers[type(event)](tx, event, now)

    async def _one_by_one(self, records: Sequence[Record]) -> None:
        in_a_row = 0
        for record in records:
            in_a_row = 0 if await self._patiently(record) else in_a_row + 1
            if in_a_row >= STORM:
                raise DeadLetterStorm(f"{in_a_row} records in a row were set aside")

    async def _patiently(self, record: Record) -> bool:
        attempt = 0
        while True:
            attempt += 1
            try:
                async with self.db.begin() as tx:
                    await self._handle(tx, [(record, *registry.read(record.value))])
            except Exception as error:  # noqa: BLE001 - the verdict is taken below, none is swallowed
                wait = again_after(error, attempt)
                place = {"topic": record.topic, "offset": record.offset, "code": code_of(error)}
                if wait is None:
                    await self._set_aside(record, Failure(code_of(error), attempt))
                    log.warning("record_set_aside", group=self.group, attempts=attempt, **place)
                    return False
                log.info("record_retried", group=self.group, attempts=attempt, **place)
                await asyncio.sleep(wait.total_seconds())
            else:
                return True

    async def _set_aside(self, record: Record, failure: Failure) -> None:
        async with self.db.begin() as tx:
            await deadletter.set_aside(tx, record, failure, now=self.clock())
        metrics.dead_letters.labels(self.group).inc()
