"""A handler of many events takes them as one by one would: in order, once, each in its own trace."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import pytest
from sqlalchemy import insert, select
from tests.common.sample import (
    NOON,
    ONE,
    TOPIC,
    TWO,
    effects,
    happened,
    noted,
    tell,
    unwanted,
)
from tests.system.whole import until

from common import deadletter, outbox, relay, tables, tracing
from common.consumer import AT_ONCE, Consumer
from common.database import Transaction
from common.errors import Retry, SetAside
from common.eventlog.port import NewRecord
from common.events.emr import CancellationSubmitted, MessageReceived
from common.verdicts import Handlers, Heard, Together


class Notes:
    """A handler of many that notes them with one statement, unless one of them is to fail."""

    def __init__(self, **faults) -> None:
        self.faults = faults
        self.runs: list[list[str]] = []

    async def many(
        self, tx: Transaction, heard: Sequence[Heard[MessageReceived]], now: datetime
    ) -> None:
        assert tracing.current() is None
        self.runs.append([one.event.control_id for one in heard])
        await tx.execute(insert(effects), [{"what": one.event.control_id} for one in heard])
        for one in heard:
            if errors := self.faults.get(one.event.control_id):
                raise errors.pop(0) if len(errors) > 1 else errors[0]


def reading(db, clock, handlers: Handlers) -> Consumer:
    return Consumer("g", [TOPIC], handlers, db, clock)


def together(db, clock, notes: Notes) -> Consumer:
    return reading(db, clock, {MessageReceived: Together(notes.many)})


async def publish(db, log, *events):
    await tell(db, *events)
    while await relay.drain(db, log):
        pass


async def read(consumer, log):
    async with log.subscribe([TOPIC], group="g") as subscription:
        return await consumer.step(subscription, timeout_seconds=0.05)


async def letters(db):
    async with db.read() as tx:
        return await deadletter.waiting(tx)


async def test_events_that_stand_in_a_row_come_together_in_their_order(db, log, clock):
    notes = Notes()
    await publish(db, log, happened("0"), unwanted("x"), happened("1"), happened("2"))
    await read(together(db, clock, notes), log)
    assert notes.runs == [["0", "1", "2"]]
    assert await noted(db) == ["0", "1", "2"]


async def test_what_another_handler_takes_in_between_keeps_its_place(db, log, clock):
    """INVARIANT: the order of the log. Broken by gathering all events of one handler."""

    async def cancel(tx, event, now):
        await tx.execute(insert(effects).values(what=event.external_id))

    notes = Notes()
    handlers: Handlers = {
        MessageReceived: Together(notes.many),
        CancellationSubmitted: cancel,
    }
    await publish(db, log, happened("0"), happened("1"), unwanted("x"), happened("2"))
    await read(reading(db, clock, handlers), log)
    assert notes.runs == [["0", "1"], ["2"]]
    assert await noted(db) == ["0", "1", "x", "2"]


async def test_events_of_several_types_with_one_handler_are_one_run(db, log, clock):
    runs = []

    async def look(tx, heard, now):
        runs.append([type(one.event) for one in heard])

    look_at_all = Together(look)
    handlers: Handlers = {MessageReceived: look_at_all, CancellationSubmitted: look_at_all}
    await publish(db, log, happened("0"), unwanted("x"), happened("1"))
    await read(reading(db, clock, handlers), log)
    assert runs == [[MessageReceived, CancellationSubmitted, MessageReceived]]


async def test_a_long_run_is_taken_in_parts(db, log, clock):
    notes = Notes()
    names = [str(n) for n in range(AT_ONCE + 3)]
    await publish(db, log, *map(happened, names))
    await read(together(db, clock, notes), log)
    assert notes.runs == [names[:AT_ONCE], names[AT_ONCE:]]
    assert await noted(db) == names


async def test_an_event_that_comes_twice_in_a_run_is_taken_once_where_it_stood_first(
    db, log, clock
):
    """INVARIANT: one effect per event. Broken by asking the inbox for the batch and not within it."""
    await tell(db, happened("0"), happened("1"))
    async with db.read() as tx:
        rows = (await tx.execute(select(tables.outbox).order_by(tables.outbox.c.id))).all()
    first, second = (NewRecord(row.topic, row.key, row.value, row.headers) for row in rows)
    await log.append([first, second, first])
    notes = Notes()
    await read(together(db, clock, notes), log)
    await log.append([second, first])
    await read(together(db, clock, notes), log)
    assert notes.runs == [["0", "1"]]


async def test_of_a_run_with_a_bad_event_only_that_one_is_set_aside(db, log, clock):
    """INVARIANT: no event suffers for another. Broken by setting the run aside, or keeping its half."""
    notes = Notes(**{"2": [SetAside("unwell")]})
    await publish(db, log, *(happened(str(n)) for n in range(5)))
    await read(together(db, clock, notes), log)
    assert notes.runs == [["0", "1", "2", "3", "4"], ["0"], ["1"], ["2"], ["3"], ["4"]]
    assert await noted(db) == ["0", "1", "3", "4"]
    (letter,) = await letters(db)
    assert letter["code"] == "unwell"
    assert await log.lag([TOPIC], group="g") == {TOPIC: 0}


async def test_of_a_run_only_the_event_that_must_wait_waits_and_those_behind_it(db, log, clock):
    notes = Notes(**{"1": [Retry("x"), Retry("x"), SetAside("unwell")]})
    await publish(db, log, *(happened(str(n)) for n in range(3)))
    await read(together(db, clock, notes), log)
    assert notes.runs == [["0", "1", "2"], ["0"], ["1"], ["1"], ["2"]]
    assert await noted(db) == ["0", "2"]


async def test_a_run_that_is_broken_off_leaves_nothing_and_comes_again(db, log, clock):
    """INVARIANT: a reader that ends in the midst of a run has handled none of it."""
    await publish(db, log, *(happened(str(n)) for n in range(3)))
    with pytest.raises(asyncio.CancelledError):
        await read(together(db, clock, Notes(**{"1": [asyncio.CancelledError()]})), log)
    assert await noted(db) == []
    notes = Notes()
    await read(together(db, clock, notes), log)
    assert notes.runs == [["0", "1", "2"]]
    assert await noted(db) == ["0", "1", "2"]


async def publish_in_traces(db, log):
    for name, trace in (("1", ONE), ("2", TWO)):
        with tracing.span("handle", parent=trace):
            await tell(db, happened(name))
    await publish(db, log, happened("3"))


async def test_each_event_of_a_run_goes_on_in_its_own_trace(db, log, clock):
    """INVARIANT: a run mixes no traces. Broken by one span for the run, or by the first's."""
    seen = {}

    async def go_on(tx, heard, now):
        seen.update({one.event.control_id: one.traceparent for one in heard})
        told = [happened(f"from {one.event.control_id}") for one in heard]
        await outbox.append_all(tx, told, traces=[one.traceparent for one in heard], now=now)

    await publish_in_traces(db, log)
    await read(reading(db, clock, {MessageReceived: Together(go_on)}), log)
    assert (seen["1"], seen["2"]) == (ONE, TWO)
    assert tracing.valid(seen["3"]) not in {None, ONE, TWO}
    async with db.read() as tx:
        rows = (await tx.execute(select(tables.outbox).order_by(tables.outbox.c.id))).all()
    assert [row.headers["traceparent"] for row in rows] == [ONE, TWO, seen["3"]]


async def test_each_record_of_a_run_has_a_span_of_its_own(db, log, clock, recorded):
    await publish(db, log, *(happened(str(n)) for n in range(3)))
    await read(together(db, clock, Notes()), log)
    spans = [one for one in recorded if one.name == f"handle {MessageReceived.type}"]
    offsets = [one.attributes["messaging.kafka.offset"] for one in spans]
    assert offsets == [1, 2, 3]
    assert all(one.ended and one.failure is None for one in spans)


async def test_the_spans_of_a_run_that_fails_have_failed_and_end(db, log, clock, recorded):
    await publish(db, log, happened("0"), happened("1"))
    await read(together(db, clock, Notes(**{"1": [SetAside("unwell")]})), log)
    spans = [one for one in recorded if one.name == f"handle {MessageReceived.type}"]
    assert [one.failure for one in spans] == ["SetAside", "SetAside", None, "SetAside"]
    assert all(one.ended for one in spans)


async def test_a_dead_letter_is_replayed_to_a_handler_of_many_in_its_trace(db, log, clock):
    seen = []

    async def take(tx, heard, now):
        seen.extend(heard)

    with tracing.span("handle", parent=ONE):
        await tell(db, happened("1"))
    await publish(db, log)
    await read(together(db, clock, Notes(**{"1": [SetAside("unwell")]})), log)
    handlers: Handlers = {MessageReceived: Together(take)}
    async with db.begin() as tx:
        [letter] = await deadletter.waiting(tx)
        await deadletter.replay(tx, letter["id"], handlers, by="ops", reason="fixed", now=NOON)
    [(event, traceparent)] = seen
    assert (event.control_id, traceparent) == ("1", ONE)


class Slowly(Notes):
    """Takes a while."""

    async def many(self, tx, heard, now) -> None:
        await super().many(tx, heard, now)
        await asyncio.sleep(0.3)


async def test_one_who_gives_way_rests_and_takes_together_what_came_meanwhile(db, log, clock):
    notes = Slowly()
    consumer = reading(db, clock, {MessageReceived: Together(notes.many)})
    consumer.gives_way = True
    await publish(db, log, happened("0"))
    running = asyncio.create_task(consumer.run(log))
    await until(lambda: noted_by(db, 1))
    for number in ("1", "2", "3"):  # it rests for as long as three handlings take
        await publish(db, log, happened(number))
    await until(lambda: noted_by(db, 4))
    running.cancel()
    await asyncio.wait([running])
    assert notes.runs == [["0"], ["1", "2", "3"]]
    assert await noted(db) == ["0", "1", "2", "3"]


async def noted_by(db, count):
    return len(await noted(db)) >= count
