import asyncio
import contextlib
import json
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.common.sample import NOON, TOPIC, count, happened, metadata, tell

from common import deadletter, inbox, outbox, relay, tables
from common.database import Database
from common.errors import Retry
from common.eventlog.port import NewRecord, RecordsTooLarge
from common.eventlog.sqlite import SqliteEventLog
from common.events import registry
from common.events.emr import MessageReceived
from common.ids import new_id
from common.publishing import Publisher


class Unreliable(SqliteEventLog):
    """A log that takes records and then loses its voice: what a crash after the append looks like."""

    failures = 1

    async def append(self, new: Sequence[NewRecord]) -> None:
        await super().append(new)
        if self.failures:
            self.failures -= 1
            raise Retry("no answer")


class Narrow(SqliteEventLog):
    """A log with a limit, as a cluster has one."""

    largest = 2_000

    async def append(self, new: Sequence[NewRecord]) -> None:
        if large := [n for n, record in enumerate(new) if len(record.value) > self.largest]:
            raise RecordsTooLarge(large)
        await super().append(new)


async def published(log, topic=TOPIC):
    return [record async for record in log.read([topic], follow=False)]


def told(record) -> str:
    _, event = registry.read(record.value)
    assert isinstance(event, MessageReceived)
    return event.control_id


async def test_an_event_is_published_as_a_cloudevent_with_its_headers(db, log):
    (event_id,) = await tell(db, happened("1"))
    assert await relay.drain(db, log)
    (record,) = await published(log)
    event = json.loads(record.value)
    assert (event["specversion"], event["id"]) == ("1.0", str(event_id))
    assert event["subject"] == "APP|FAC"
    assert event["dataschema"].endswith("/emr.message_received.v1.json")
    assert record.key == "APP|FAC"
    assert record.headers == {
        "content-type": "application/cloudevents+json",
        "ce_id": str(event_id),
        "ce_type": "emr.message_received.v1",
        "ce_subject": "APP|FAC",
    }


async def test_an_event_of_a_transaction_that_rolled_back_is_never_published(db, log):
    """INVARIANT: the fact and its event commit together. Broken by publishing from a handler."""
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is what rolls back
        async with db.begin() as tx:
            await outbox.append(tx, happened("1"), now=NOON)
            raise ZeroDivisionError
    assert not await relay.drain(db, log)
    assert not await published(log)


async def test_what_is_published_is_forgotten(db, log):
    await tell(db, happened("1"))
    assert await relay.drain(db, log)
    assert not await relay.drain(db, log)
    assert await count(db, tables.outbox) == 0


async def test_a_crash_between_the_log_and_the_outbox_publishes_again_and_loses_nothing(
    db, log, tmp_path
):
    """INVARIANT: at least once. Broken by deleting before the log has answered."""
    unreliable = Unreliable(tmp_path / "log.db")
    await tell(db, happened("1"))
    with pytest.raises(Retry):
        await relay.drain(db, unreliable)
    assert await count(db, tables.outbox) == 1
    assert await relay.drain(db, log)
    first, second = await published(log)
    assert first.value == second.value
    await unreliable.close()


async def test_batches_are_taken_oldest_first(db, log):
    await tell(db, *(happened(str(n)) for n in range(7)))
    while await relay.drain(db, log, batch=3):
        pass
    assert [told(r) for r in await published(log)] == [str(n) for n in range(7)]


async def test_an_event_that_is_too_large_for_the_log_is_set_aside_and_the_rest_goes_on(
    db, tmp_path
):
    """INVARIANT: no event can stop an outbox. Broken by taking the log's refusal for an outage."""
    narrow = Narrow(tmp_path / "narrow.db")
    large = "L" * narrow.largest
    await tell(db, happened("0"), happened(large), happened("1"), happened(large), happened("2"))
    while await relay.drain(db, narrow, batch=2):
        pass
    assert list(dict.fromkeys(told(r) for r in await published(narrow))) == ["0", "1", "2"]
    assert await count(db, tables.outbox) == 0
    async with db.read() as tx:
        letters = await deadletter.waiting(tx)
    assert [registry.read(letter["value"])[0].data["control_id"] for letter in letters] == [
        large
    ] * 2
    assert {(letter["code"], letter["partition"]) for letter in letters} == {
        ("record_too_large", deadletter.UNSENT)
    }
    await narrow.close()


async def test_an_event_that_was_too_large_is_sent_by_its_replay_once_the_log_takes_it(
    db, tmp_path
):
    narrow = Narrow(tmp_path / "narrow.db")
    (event_id,) = await tell(db, happened("L" * narrow.largest))
    await relay.drain(db, narrow)
    async with db.read() as tx:
        (letter,) = await deadletter.waiting(tx)
    narrow.largest = 10_000
    async with db.begin() as tx:
        await deadletter.replay(tx, letter["id"], {}, by="ops", reason="raised it", now=NOON)
    while await relay.drain(db, narrow):
        pass
    (record,) = await published(narrow)
    assert (record.headers["ce_id"], record.key) == (str(event_id), "APP|FAC")
    async with db.read() as tx:
        assert not await deadletter.waiting(tx)
    await narrow.close()


async def test_nothing_is_published_ahead_of_a_batch_that_the_log_did_not_take(db, tmp_path):
    """INVARIANT: order per subject, though the next batch is read ahead."""

    class Moody(SqliteEventLog):
        refusals = 2

        async def append(self, new: Sequence[NewRecord]) -> None:
            if told(new[0]) != "0" and self.refusals:
                self.refusals -= 1
                raise Retry("not now")
            await super().append(new)

    log = Moody(tmp_path / "moody.db")
    await tell(db, *(happened(f"{n}") for n in range(8)))
    async with relay._opened(db) as (rows, _):
        publisher = Publisher(rows, db, log, lambda: NOON, "g", batch=2)
        steps = 0
        while steps < 10:
            steps += 1
            with contextlib.suppress(Retry):
                await publisher.step()
    assert [told(r) for r in await published(log)] == [f"{n}" for n in range(8)]
    assert await count(db, tables.outbox) == 0
    await log.close()


async def test_two_relays_at_once_lose_nothing_and_keep_each_first_sight_in_order(db, log):
    """INVARIANT: order per subject, whoever relays. Broken by relays that share out the rows."""
    await tell(db, *(happened(f"{n:02}", sender=f"S|{n % 3}") for n in range(40)))

    async def go_on() -> None:
        while await relay.drain(db, log, batch=7):  # noqa: ASYNC110 - lets the other relay in
            await asyncio.sleep(0)

    await asyncio.gather(go_on(), go_on())
    first_sights = dict.fromkeys((r.key, told(r)) for r in await published(log))
    by_sender: dict[str, list[str]] = {}
    for key, what in first_sights:
        by_sender.setdefault(key, []).append(what)
    assert all(order == sorted(order) for order in by_sender.values())
    assert sum(len(order) for order in by_sender.values()) == 40


@settings(
    max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(subjects=st.lists(st.sampled_from("abc"), min_size=1, max_size=12), batch=st.integers(1, 5))
def test_one_subjects_events_are_published_in_the_order_of_their_commits(tmp_path, subjects, batch):
    async def check() -> None:
        here = tmp_path / str(new_id())
        db, log = Database(f"sqlite:///{here / 's.db'}"), SqliteEventLog(here / "l.db")
        await db.create_all(metadata)
        for n, subject in enumerate(subjects):
            await tell(db, happened(f"{n:03}", sender=subject))
        while await relay.drain(db, log, batch=batch):
            pass
        order = [(r.key, told(r)) for r in await published(log)]
        assert order == [(s, f"{n:03}") for n, s in enumerate(subjects)]
        await db.close()
        await log.close()

    asyncio.run(check())


async def test_the_inbox_gives_first_sight_once_and_only_to_the_new(db):
    one, two = new_id(), new_id()
    async with db.begin() as tx:
        assert await inbox.first_sight(tx, {one: "t"}, now=NOON) == {one}
    async with db.begin() as tx:
        assert await inbox.first_sight(tx, {one: "t", two: "t"}, now=NOON) == {two}
        assert await inbox.first_sight(tx, {}, now=NOON) == frozenset()


async def test_a_first_sight_that_rolls_back_was_none(db):
    event_id = new_id()
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is what rolls back
        async with db.begin() as tx:
            await inbox.first_sight(tx, {event_id: "t"}, now=NOON)
            raise ZeroDivisionError
    async with db.begin() as tx:
        assert await inbox.first_sight(tx, {event_id: "t"}, now=NOON) == {event_id}


async def test_each_event_that_is_too_large_is_kept_though_the_outbox_was_empty_in_between(
    db, tmp_path
):
    """INVARIANT: what is set aside is kept. Broken by its row's id, which a file gives again."""
    narrow = Narrow(tmp_path / "narrow.db")
    for letter in ("A", "B"):
        await tell(db, happened(letter * narrow.largest))
        while await relay.drain(db, narrow):
            pass
    assert await count(db, tables.outbox) == 0
    assert await count(db, tables.dead_letters) == 2
    await narrow.close()
