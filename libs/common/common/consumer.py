"""Reads the log for one service: each event once, in order, in the transaction of its effect.

A batch is one transaction; where it fails, its records are taken one by one, so that only the bad
one waits or is set aside. Offsets are committed after the database. Knows no event.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from common import deadletter, failpoints, inbox, metrics, tracing
from common.clock import Clock
from common.database import Database, Transaction
from common.deadletter import Failure
from common.errors import Halted
from common.eventlog.port import EventLog, Record, Subscription
from common.events import registry
from common.events.envelope import Envelope, Event
from common.tracing import Kind, Span
from common.verdicts import Handlers, again_after, code_of

log = structlog.get_logger()

BATCH = 200
STORM = 20
"""So many dead letters in a row stop the consumer: a bad deploy must not empty the log into them."""

Wanted = tuple[Record, Envelope, Event]


class DeadLetterStorm(Halted):
    """Too many records in a row were set aside; the next bad one is not, and the reader waits at it."""


@dataclass(slots=True)
class Consumer:
    """A service's reading of the log; `in_a_row` outlives a restart of the loop, not of the process."""

    group: str
    topics: Sequence[str]
    handlers: Handlers
    db: Database
    clock: Clock
    in_a_row: int = field(default=0, init=False)

    async def run(self, event_log: EventLog) -> None:
        """Handle records until cancelled."""
        async with event_log.subscribe(self.topics, group=self.group) as subscription:
            while True:
                await self.step(subscription, timeout_seconds=1.0)

    async def step(self, subscription: Subscription, *, timeout_seconds: float) -> int:
        """Handle what is there, commit the offsets; return how many records there were.

        Raises DeadLetterStorm; what stands before the record that it stopped at is committed.
        """
        records = await subscription.fetch(limit=BATCH, timeout_seconds=timeout_seconds)
        if not records:
            return 0
        try:
            await self._handle(records)
        except Exception as error:  # noqa: BLE001 - any failure of the batch: find out whose it is
            log.info("batch_failed", group=self.group, code=code_of(error), records=len(records))
            await self._one_by_one(subscription, records)
        else:
            failpoints.reach("before_offset")
            await subscription.commit(records)
        metrics.records_handled.labels(self.group).inc(len(records))
        return len(records)

    async def _handle(self, records: Sequence[Record]) -> None:
        """Handle records in one transaction, which is not opened for records that nobody wants."""
        wanted: list[Wanted] = []
        for record in records:
            envelope, event = registry.read(record.value, only=self.handlers)
            if event is not None:
                wanted.append((record, envelope, event))
        if not wanted:
            return
        async with self.db.begin() as tx:
            handled = await self._apply(tx, wanted)
        if handled:
            self.in_a_row = 0

    async def _apply(self, tx: Transaction, wanted: Sequence[Wanted]) -> int:
        now = self.clock()
        new = set(await inbox.first_sight(tx, {e.id: r.topic for r, e, _ in wanted}, now=now))
        handled = len(new)
        for record, envelope, event in wanted:
            if envelope.id not in new:
                continue
            new.discard(envelope.id)
            with self._span(record, envelope):
                await self.handlers[type(event)](tx, event, now)
            await asyncio.sleep(0)  # a file's statements do not wait: let the others in
        return handled

    def _span(self, record: Record, envelope: Envelope) -> Span:
        """Return the span of one record, in the trace that its event was made in."""
        return tracing.span(
            f"handle {envelope.type}",
            kind=Kind.CONSUMER,
            parent=record.headers.get(tracing.HEADER),
            group=self.group,
            topic=record.topic,
            offset=record.offset,
            event_id=envelope.id,
            event_type=envelope.type,
        )

    async def _one_by_one(self, subscription: Subscription, records: Sequence[Record]) -> None:
        for record in records:
            await self._patiently(record)
            await subscription.commit([record])

    async def _patiently(self, record: Record) -> None:
        """Handle one record, again and again while that may help; else set it aside."""
        attempt = 0
        while True:
            attempt += 1
            try:
                await self._handle([record])
            except Exception as error:  # noqa: BLE001 - the verdict is taken below, none is swallowed
                failure = Failure(code_of(error), attempt, self.group)
                wait = again_after(error, attempt)
                if wait is None:
                    await self._set_aside(record, failure)
                    return
                self._tell("record_retried", record, failure)
                await asyncio.sleep(wait.total_seconds())
            else:
                return

    async def _set_aside(self, record: Record, failure: Failure) -> None:
        if self.in_a_row >= STORM:
            place = f"{record.topic}/{record.partition}@{record.offset}"
            told = f"{self.in_a_row} records in a row were set aside; the next is {place}"
            raise DeadLetterStorm(f"{told} ({failure.code})")
        async with self.db.begin() as tx:
            await deadletter.set_aside(tx, record, failure, now=self.clock())
        self.in_a_row += 1
        metrics.dead_letters.labels(self.group).inc()
        self._tell("record_set_aside", record, failure)

    def _tell(self, event: str, record: Record, failure: Failure) -> None:
        log.warning(
            event,
            group=self.group,
            topic=record.topic,
            offset=record.offset,
            code=failure.code,
            attempts=failure.attempts,
            trace_id=tracing.trace_id_of(tracing.valid(record.headers.get(tracing.HEADER))),
        )
