import asyncio
import contextlib
import sqlite3
from datetime import timedelta

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import OperationalError
from tests.common.sample import (
    NOON,
    TOPIC,
    count,
    effects,
    happened,
    metadata,
    note,
    noted,
    tell,
    unwanted,
)

from common import deadletter, relay, tables, verdicts
from common.consumer import STORM, Consumer, DeadLetterStorm
from common.errors import ConcurrentUpdate, Conflict, NotFound, Retry, SetAside
from common.eventlog.port import NewRecord
from common.events import registry
from common.events.emr import MessageReceived
from common.ids import new_id
from common.verdicts import Handlers

DLQ = f"{TOPIC}.dlq"


class Faults:
    """A handler that notes, unless told to fail for an event so many times."""

    def __init__(self, **faults) -> None:
        self.faults = {name: list(errors) for name, errors in faults.items()}
        self.calls: list[str] = []

    async def __call__(self, tx, event, now):
        self.calls.append(event.control_id)
        await note(tx, event, now)
        if errors := self.faults.get(event.control_id):
            raise errors.pop(0) if len(errors) > 1 else errors[0]


def reading(db, clock, handler=note, group="g"):
    return Consumer(group, [TOPIC], {MessageReceived: handler}, db, clock)


async def publish(db, log, *events):
    await tell(db, *events)
    while await relay.drain(db, log):
        pass


async def read(consumer, log, *, steps=1):
    async with log.subscribe([TOPIC], group=consumer.group) as subscription:
        return [await consumer.step(subscription, timeout_seconds=0.05) for _ in range(steps)]


async def letters(db):
    async with db.read() as tx:
        return await deadletter.waiting(tx)


async def test_events_are_handled_once_and_in_order(db, log, clock):
    await publish(db, log, *(happened(str(n)) for n in range(5)))
    await read(reading(db, clock), log)
    assert await noted(db) == ["0", "1", "2", "3", "4"]
    assert await log.lag([TOPIC], group="g") == {TOPIC: 0}


async def test_a_batch_is_one_transaction(db, log, clock):
    seen = []

    async def look(tx, event, now):
        await note(tx, event, now)
        seen.append(len(await noted(db)))

    await publish(db, log, *(happened(str(n)) for n in range(3)))
    await read(reading(db, clock, look), log)
    assert seen == [0, 0, 0]
    assert len(await noted(db)) == 3


async def test_an_event_that_was_published_twice_is_handled_once(db, log, clock):
    """INVARIANT: one effect per event. Broken by handling without the inbox."""
    await tell(db, happened("1"))
    async with db.read() as tx:
        (row,) = (await tx.execute(select(tables.outbox))).all()
    record = NewRecord(row.topic, row.key, row.value, row.headers)
    await log.append([record, record])
    consumer = reading(db, clock)
    await read(consumer, log)
    await log.append([record])
    await read(consumer, log)
    assert await noted(db) == ["1"]


async def test_what_was_handled_but_not_committed_to_the_log_is_not_handled_again(db, log, clock):
    """INVARIANT: the offset follows the database. Broken by committing it first, or without an inbox."""
    await publish(db, log, happened("1"))

    class Dies:
        def __init__(self, subscription):
            self.fetch = subscription.fetch

        async def commit(self, records):
            assert await noted(db) == ["1"]
            raise ConnectionError

    async with log.subscribe([TOPIC], group="g") as subscription:
        with pytest.raises(ConnectionError):
            await reading(db, clock).step(Dies(subscription), timeout_seconds=0.05)
    assert await log.lag([TOPIC], group="g") == {TOPIC: 1}
    await read(reading(db, clock), log)
    assert await noted(db) == ["1"]


async def test_one_poisonous_record_is_set_aside_and_the_others_are_handled_in_order(
    db, log, clock
):
    await publish(db, log, *(happened(str(n)) for n in range(5)))
    handler = Faults(**{"2": [SetAside("no_such_clinic")]})
    await read(reading(db, clock, handler), log)
    assert await noted(db) == ["0", "1", "3", "4"]
    assert await log.lag([TOPIC], group="g") == {TOPIC: 0}
    (letter,) = await letters(db)
    _, event = registry.read(letter["value"])
    assert isinstance(event, MessageReceived)
    assert event.control_id == "2"
    assert (letter["code"], letter["attempts"]) == ("no_such_clinic", 1)


async def test_the_dead_letter_topic_is_told_with_the_same_bytes_and_key(db, log, clock):
    await publish(db, log, happened("bad"))
    await read(reading(db, clock, Faults(bad=[SetAside("unwell")])), log)
    await relay.drain(db, log)
    (dead,) = [r async for r in log.read([DLQ], follow=False)]
    (alive,) = [r async for r in log.read([TOPIC], follow=False)]
    assert (dead.key, dead.value) == (alive.key, alive.value)
    assert dead.headers["ce_id"] == alive.headers["ce_id"]
    assert dead.headers["dlq-original-topic"] == TOPIC
    assert dead.headers["dlq-original-offset"] == str(alive.offset)
    assert dead.headers["dlq-error-code"] == "unwell"
    assert dead.headers["dlq-consumer-group"] == "g"


async def test_a_failure_whose_text_names_a_person_leaves_only_its_class(db, log, clock):
    await publish(db, log, happened("bad"))
    await read(reading(db, clock, Faults(bad=[ValueError("ZZTESTLAST")])), log)
    (letter,) = await letters(db)
    assert letter["code"] == "ValueError"
    assert "ZZTESTLAST" not in str(dict(letter))


async def test_a_retry_is_handled_again_before_the_next_record_of_its_key(db, log, clock):
    """INVARIANT: order per subject, failures included. Broken by putting the failed one behind."""
    await publish(db, log, *(happened(str(n)) for n in range(3)))
    errors = [ConcurrentUpdate("x"), Retry("x"), Retry("x")]
    handler = Faults(**{"1": errors})

    async def patient(tx, event, now):
        if event.control_id == "1" and len(handler.calls) > 4:
            handler.faults = {}
        await handler(tx, event, now)

    await read(reading(db, clock, patient), log)
    assert await noted(db) == ["0", "1", "2"]
    assert not await letters(db)


async def test_a_record_that_fails_for_an_unknown_reason_is_tried_twice_then_set_aside(
    db, log, clock
):
    await publish(db, log, happened("bad"))
    handler = Faults(bad=[KeyError("x")])
    await read(reading(db, clock, handler), log)
    (letter,) = await letters(db)
    assert (letter["code"], letter["attempts"]) == ("KeyError", 2)


async def test_an_outage_is_waited_for_and_sets_nothing_aside(db, log, clock):
    """INVARIANT: a database that is away is not the record's fault. Broken by counting attempts."""
    await publish(db, log, happened("1"))
    handler = Faults(**{"1": [OSError("away")]})

    async def come_back():
        while len(handler.calls) < 4:  # noqa: ASYNC110 - the handler under test knows no event
            await asyncio.sleep(0.01)
        handler.faults = {}

    back = asyncio.create_task(come_back())
    await read(reading(db, clock, handler), log)
    await back
    assert await noted(db) == ["1"]
    assert not await letters(db)


@pytest.mark.parametrize(
    "value",
    [b"", b"\xff\xfe", b"{}", b'{"specversion":"1.0"}', b"[" * 100_000],
    ids=["empty", "not utf-8", "no event", "half an event", "deep"],
)
async def test_bytes_that_are_no_event_are_kept_as_they_came(db, log, clock, value):
    await log.append([NewRecord(TOPIC, "k", value, {"x": "y"})])
    await publish(db, log, happened("1"))
    await read(reading(db, clock), log)
    (letter,) = await letters(db)
    assert (letter["value"], letter["headers"], letter["key"]) == (value, {"x": "y"}, "k")
    assert letter["code"] == "unreadable_event"
    assert await noted(db) == ["1"]


async def test_types_that_are_unknown_or_not_wanted_are_passed_over(db, log, clock):
    await tell(db, happened("1"))
    async with db.read() as tx:
        value = (await tx.execute(select(tables.outbox.c.value))).scalar_one()
    newer = value.replace(b"emr.message_received.v1", b"emr.message_received.v9")
    await log.append([NewRecord(TOPIC, "k", newer)])
    await publish(db, log, unwanted("2"))
    await read(reading(db, clock), log)
    assert await noted(db) == ["1"]
    assert await log.lag([TOPIC], group="g") == {TOPIC: 0}


async def test_broken_data_of_a_type_that_is_not_wanted_is_passed_over(db, log, clock):
    await tell(db, unwanted("2"))
    async with db.begin() as tx:
        value = (await tx.execute(select(tables.outbox.c.value))).scalar_one()
        await tx.execute(tables.outbox.delete())
    await log.append([NewRecord(TOPIC, "k", value.replace(b"external_id", b"outernal_id"))])
    await read(reading(db, clock), log)
    assert not await letters(db)


async def test_a_storm_of_dead_letters_stops_the_reader_and_keeps_the_rest_in_the_log(
    db, log, clock
):
    """INVARIANT: a bad deploy does not empty the log. Broken by counting within one batch only."""
    handler = Faults(**{str(n): [SetAside("bad_deploy")] for n in range(STORM + 5)})
    consumer = reading(db, clock, handler)
    for n in range(STORM - 1):  # one record at a time, as in quiet hours
        await publish(db, log, happened(str(n)))
        await read(consumer, log)
    await publish(db, log, *(happened(str(n)) for n in range(STORM - 1, STORM + 5)))
    for _ in range(3):
        with pytest.raises(DeadLetterStorm):
            await read(consumer, log)
    assert len(await letters(db)) == STORM
    assert await log.lag([TOPIC], group="g") == {TOPIC: 5}

    handler.faults = {}
    await read(consumer, log)
    assert await noted(db) == [str(n) for n in range(STORM, STORM + 5)]


async def test_a_success_ends_the_count_of_the_storm(db, log, clock):
    bad = {f"bad{n}": [SetAside("x")] for n in range(STORM * 2)}
    events = []
    for n in range(STORM * 2):
        events += [happened(f"bad{n}"), *([happened(f"good{n}")] if n % 10 == 0 else [])]
    await publish(db, log, *events)
    await read(reading(db, clock, Faults(**bad)), log)
    assert len(await letters(db)) == STORM * 2


async def test_two_groups_handle_the_same_events_each_in_its_own_database(
    log, clock, make_database
):
    one, two = await make_database(metadata), await make_database(metadata)
    await publish(one, log, happened("1"))
    await read(reading(one, clock, group="one"), log)
    await read(reading(two, clock, group="two"), log)
    assert await noted(one) == await noted(two) == ["1"]


async def test_the_loop_handles_what_comes_while_it_runs(db, log, clock):
    running = asyncio.create_task(reading(db, clock).run(log))
    await asyncio.sleep(0.1)
    await publish(db, log, happened("1"))
    async with asyncio.timeout(5):
        while not await noted(db):
            await db.committed.wait(0.1)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def dead(db, log, clock):
    await publish(db, log, happened("bad"))
    await read(reading(db, clock, Faults(bad=[SetAside("x")])), log)
    (letter,) = await letters(db)
    return letter["id"]


HANDLERS: Handlers = {MessageReceived: note}


async def test_a_replayed_letter_is_handled_and_says_by_whom_and_why(db, log, clock):
    letter_id = await dead(db, log, clock)
    async with db.begin() as tx:
        await deadletter.replay(tx, letter_id, HANDLERS, by="ops", reason="fixed", now=NOON)
    assert await noted(db) == ["bad"]
    assert not await letters(db)
    async with db.read() as tx:
        row = (await tx.execute(select(tables.dead_letters))).mappings().one()
    told = (row["replayed_by"], row["replay_reason"], row["replayed_at"])
    assert told == ("ops", "fixed", NOON)


async def test_a_letter_is_replayed_once(db, log, clock):
    letter_id = await dead(db, log, clock)
    for expected in (contextlib.nullcontext(), pytest.raises(Conflict)):
        with expected:
            async with db.begin() as tx:
                await deadletter.replay(tx, letter_id, HANDLERS, by="o", reason="r", now=NOON)
    assert await noted(db) == ["bad"]


async def test_a_replay_that_fails_again_leaves_the_letter_waiting(db, log, clock):
    letter_id = await dead(db, log, clock)
    handlers: Handlers = {MessageReceived: Faults(bad=[SetAside("x")])}
    with pytest.raises(SetAside):
        async with db.begin() as tx:
            await deadletter.replay(tx, letter_id, handlers, by="o", reason="r", now=NOON)
    assert len(await letters(db)) == 1
    assert await noted(db) == []


async def test_an_event_that_came_again_after_its_replay_is_not_handled_twice(db, log, clock):
    """INVARIANT: one effect per event, replays included. Broken by a replay that passes the inbox."""
    letter_id = await dead(db, log, clock)
    async with db.begin() as tx:
        await deadletter.replay(tx, letter_id, HANDLERS, by="o", reason="r", now=NOON)
    (record,) = [r async for r in log.read([TOPIC], follow=False)]
    await log.append([NewRecord(record.topic, record.key, record.value, record.headers)])
    await read(reading(db, clock), log)
    assert await noted(db) == ["bad"]


async def test_a_letter_whose_event_was_handled_meanwhile_is_closed_without_an_effect(
    db, log, clock
):
    letter_id = await dead(db, log, clock)
    (record,) = [r async for r in log.read([TOPIC], follow=False)]
    await log.append([NewRecord(record.topic, record.key, record.value, record.headers)])
    await read(reading(db, clock), log)
    async with db.begin() as tx:
        await deadletter.replay(tx, letter_id, HANDLERS, by="o", reason="r", now=NOON)
    assert await noted(db) == ["bad"]
    assert not await letters(db)


async def test_a_letter_that_nobody_has_is_not_found(db):
    with pytest.raises(NotFound):
        async with db.begin() as tx:
            await deadletter.replay(tx, new_id(), HANDLERS, by="o", reason="r", now=NOON)


async def test_a_record_is_kept_once_as_a_dead_letter(db, log, clock):
    await publish(db, log, happened("1"))
    (record,) = [r async for r in log.read([TOPIC], follow=False)]
    failure = deadletter.Failure("x", 1, "g")
    async with db.begin() as tx:
        assert await deadletter.set_aside(tx, record, failure, now=NOON)
        assert not await deadletter.set_aside(tx, record, failure, now=NOON)
    assert await count(db, tables.outbox) == 1


def test_the_verdicts_are_again_or_set_aside():
    assert verdicts.again_after(SetAside("x"), 1) is None
    assert verdicts.again_after(Retry("x"), 1) == timedelta(milliseconds=50)
    assert verdicts.again_after(Retry("x"), verdicts.RETRIES) is None
    assert verdicts.again_after(ValueError(), 2) is None
    assert verdicts.again_after(ConnectionError(), 1000) == timedelta(seconds=15)


class Clash(Exception):
    sqlstate = "40P01"


class Down(Exception):
    sqlstate = "57P01"


def test_postgresql_tells_clashes_and_outages_by_sqlstate():
    from sqlalchemy.exc import DBAPIError

    assert verdicts.is_momentary(DBAPIError("", {}, Clash()))
    assert not verdicts.is_outage(DBAPIError("", {}, Clash()))
    assert verdicts.is_outage(DBAPIError("", {}, Down()))
    assert verdicts.is_outage(OperationalError("", {}, Exception()))
    assert verdicts.is_outage(sqlite3.OperationalError("disk I/O error"))
    assert not verdicts.is_outage(DBAPIError("", {}, Exception()))


async def test_a_statement_of_a_handler_that_the_database_refuses_is_no_outage(db, log, clock):
    async def broken(tx, event, now):
        await tx.execute(insert(effects).values(what=None))

    await publish(db, log, happened("1"))
    await read(reading(db, clock, broken), log)
    (letter,) = await letters(db)
    assert letter["code"] == "IntegrityError"
