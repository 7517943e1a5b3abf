"""Reads the log for one service: each event once, in order, in the transaction of its effect.

A batch is one transaction; where it fails, its records are taken one by one, so that only the bad
one waits or is set aside. Offsets are committed after the database. Knows no event.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from uuid import UUID

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
from common.verdicts import Handler, Handlers, Heard, Together, again_after, code_of

log = structlog.get_logger()

BATCH = 200
AT_ONCE = 50
"""Events that a handler of many gets at most: more save little, and the others wait for them."""

REST = 3
"""Times as long as it worked rests who gives way."""

LONGEST_REST_SECONDS = 1.0

STORM = 20
"""So many dead letters in a row stop the consumer: a bad deploy must not empty the log into them."""

Wanted = tuple[Record, Envelope, Event]


class DeadLetterStorm(Halted):
    """Too many records in a row were set aside; the next bad one is not, and the reader waits at it."""


@dataclass(slots=True)
class Consumer:
    """A service's reading of the log; `in_a_row` outlives a restart of the loop, not of the process.

    One that `gives_way` rests after each batch, and the longer the more the others have to do: it
    shares the loop with work that somebody waits for. What comes meanwhile is its next batch, which
    costs hardly more than one event.
    """

    group: str
    topics: Sequence[str]
    handlers: Handlers
    db: Database
    clock: Clock
    gives_way: bool = False
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
        began = asyncio.get_running_loop().time()
        await self._take(subscription, records)
        if self.gives_way:
            worked = asyncio.get_running_loop().time() - began
            await asyncio.sleep(min(REST * worked, LONGEST_REST_SECONDS))
        return len(records)

    async def _take(self, subscription: Subscription, records: Sequence[Record]) -> None:
        try:
            await self._handle(records)
        except Exception as error:  # noqa: BLE001 - any failure of the batch: find out whose it is
            log.info("batch_failed", group=self.group, code=code_of(error), records=len(records))
            await self._one_by_one(subscription, records)
        else:
            failpoints.reach("before_offset")
            await subscription.commit(records)
        metrics.records_handled.labels(self.group).inc(len(records))

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
        new = await _unseen(tx, wanted, now)
        for handler, run in groupby(new, lambda one: self.handlers[type(one[2])]):
            most = AT_ONCE if isinstance(handler, Together) else 1
            for some in _parts(list(run), most):
                await self._call(tx, handler, some, now)
                await asyncio.sleep(0)  # a file's statements do not wait: let the others in
        return len(new)

    async def _call(
        self, tx: Transaction, handler: Handler, run: Sequence[Wanted], now: datetime
    ) -> None:
        """Give a handler what it takes at once: a run of its events, or a single one."""
        if isinstance(handler, Together):
            with self._spans(run) as heard:
                await handler.many(tx, heard, now)
            return
        [(record, envelope, event)] = run
        with self._span(record, envelope):
            await handler(tx, event, now)

    @contextmanager
    def _spans(self, run: Sequence[Wanted]) -> Iterator[list[Heard[Event]]]:
        """Begin a span for each record, in the trace of its event; none of them is the open one."""
        spans = [self._span(record, envelope) for record, envelope, _ in run]
        for span in spans:
            span.begin()
        try:
            yield [Heard(event, span.traceparent) for (_, _, event), span in zip(run, spans)]
        except BaseException as error:
            for span in spans:
                span.fail(type(error).__name__)
            raise
        finally:
            for span in spans:
                span.end()

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


async def _unseen(tx: Transaction, wanted: Sequence[Wanted], now: datetime) -> list[Wanted]:
    """Note events as handled; return those that were not yet, each once."""
    first: dict[UUID, Wanted] = {}
    for one in wanted:
        first.setdefault(one[1].id, one)
    topics = {event_id: record.topic for event_id, (record, _, _) in first.items()}
    new = await inbox.first_sight(tx, topics, now=now)
    return [one for event_id, one in first.items() if event_id in new]


def _parts(run: Sequence[Wanted], most: int) -> Iterator[Sequence[Wanted]]:
    for start in range(0, len(run), most):
        yield run[start : start + most]
