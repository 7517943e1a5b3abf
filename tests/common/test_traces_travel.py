"""The trace goes with each event: outbox, log, consumer, dead letter; nobody's with another's."""

from sqlalchemy import select
from tests.common.sample import NOON, ONE, TOPIC, TWO, happened, tell

from common import deadletter, outbox, relay, tracing
from common.consumer import Consumer
from common.errors import SetAside
from common.events.emr import MessageReceived
from common.events.envelope import Envelope
from common.groupcommit import GroupCommit
from common.tables import outbox as table
from common.verdicts import Handlers


async def waiting(db):
    async with db.read() as tx:
        return (await tx.execute(select(table).order_by(table.c.id))).all()


async def publish(db, log):
    while await relay.drain(db, log):
        pass


async def test_an_event_waits_with_the_trace_that_it_was_made_in(db):
    with tracing.span("handle", parent=ONE):
        await tell(db, happened("1"))
    await tell(db, happened("2"))
    inside, outside = await waiting(db)
    assert inside.headers["traceparent"] == ONE
    assert Envelope.model_validate_json(inside.value).traceparent == ONE
    assert "traceparent" not in outside.headers
    assert Envelope.model_validate_json(outside.value).traceparent is None


async def test_events_of_many_are_each_put_with_their_own_trace(db):
    async with db.begin() as tx:
        told = [happened("1"), happened("2"), happened("3")]
        await outbox.append_all(tx, told, traces=[ONE, None, TWO], now=NOON)
    headers = [row.headers.get("traceparent") for row in await waiting(db)]
    assert headers == [ONE, None, TWO]


async def test_each_record_of_a_batch_is_handled_in_its_own_trace(db, log, clock):
    """INVARIANT: a transaction of many records mixes no traces. Broken by one span for the batch."""
    seen = {}

    async def look(tx, event, now):
        seen[event.control_id] = tracing.current()
        await outbox.append(tx, happened(f"from {event.control_id}"), now=now)

    for name, trace in (("1", ONE), ("2", TWO)):
        with tracing.span("handle", parent=trace):
            await tell(db, happened(name))
    await tell(db, happened("3"))
    await publish(db, log)
    consumer = Consumer("g", [TOPIC], {MessageReceived: look}, db, clock)
    async with log.subscribe([TOPIC], group="g") as subscription:
        assert await consumer.step(subscription, timeout_seconds=0.05) == 3
    assert (seen["1"], seen["2"]) == (ONE, TWO)
    assert tracing.valid(seen["3"]) not in {None, ONE, TWO}
    assert [row.headers["traceparent"] for row in await waiting(db)] == [ONE, TWO, seen["3"]]
    assert tracing.current() is None


async def test_a_dead_letter_is_replayed_in_the_trace_that_it_came_with(db, log, clock):
    seen = []

    async def refuse(tx, event, now):
        raise SetAside("no_such_thing")

    async def take(tx, event, now):
        seen.append(tracing.current())

    with tracing.span("handle", parent=ONE):
        await tell(db, happened("1"))
    await publish(db, log)
    consumer = Consumer("g", [TOPIC], {MessageReceived: refuse}, db, clock)
    async with log.subscribe([TOPIC], group="g") as subscription:
        await consumer.step(subscription, timeout_seconds=0.05)
    async with db.begin() as tx:
        [letter] = await deadletter.waiting(tx)
        handlers: Handlers = {MessageReceived: take}
        await deadletter.replay(tx, letter["id"], handlers, by="ops", reason="fixed", now=NOON)
    assert seen == [ONE]


async def test_a_batch_at_an_edge_belongs_to_none_of_those_who_wait_for_it():
    """INVARIANT: what a group commit does is not of the trace of whoever came first."""
    seen = []

    async def commit(items):
        seen.append(tracing.current())
        return items

    together: GroupCommit[int, int] = GroupCommit(commit, lambda item, _: -item)
    with tracing.span("POST", parent=ONE):
        assert await together.answer(1) == 1
        assert tracing.current() == ONE
    assert seen == [None]
