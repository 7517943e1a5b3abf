"""Group commit by itself: what waits is one batch, and nobody is left without an answer."""

import asyncio

import pytest
from sqlalchemy.exc import OperationalError

from common.groupcommit import CROWD, MOST, RUSH, RUSH_SECONDS, BrokenOff, GroupCommit, Rush


class Recorder:
    """Commits by taking notes; fails where it is told to."""

    def __init__(self, *, fail_on: bytes = b"", error: Exception | None = None):
        self.batches: list[list[bytes]] = []
        self.fail_on = fail_on
        self.error = error or ValueError("bad message")

    async def __call__(self, batch):
        self.batches.append(list(batch))
        await asyncio.sleep(0)
        if self.fail_on in batch:
            raise self.error
        return [b"AA " + message for message in batch]


class Door:
    """Puts messages into batches and waits for their answers."""

    def __init__(self, commit):
        self.noted: list[bytes] = []
        self.why: list[Exception] = []
        self.batches = GroupCommit(commit, self.refuse, size_of=len, note=self.noted.extend)

    def refuse(self, item, error):
        self.why.append(error)
        return b"AR " + item

    async def ask(self, message):
        return await self.batches.answer(message)


async def ask_all(recorder, *messages):
    door = Door(recorder)
    return await asyncio.gather(*(door.ask(message) for message in messages))


async def test_what_arrives_while_a_commit_runs_is_the_next_batch():
    recorder = Recorder()
    door = Door(recorder)
    first = asyncio.create_task(door.ask(b"1"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    rest = [asyncio.create_task(door.ask(message)) for message in (b"2", b"3")]
    assert await first == b"AA 1"
    assert await asyncio.gather(*rest) == [b"AA 2", b"AA 3"]
    assert recorder.batches == [[b"1"], [b"2", b"3"]]
    assert await door.ask(b"4") == b"AA 4"


async def test_a_batch_is_bounded_by_count_and_by_bytes():
    recorder = Recorder()
    await ask_all(recorder, *(str(number).encode() for number in range(3 * MOST)))
    assert [len(batch) for batch in recorder.batches] == [MOST] * 3
    heavy = Recorder()
    await ask_all(heavy, *(bytes([65 + number]) * 20_000_000 for number in range(3)))
    assert [len(batch) for batch in heavy.batches] == [2, 1]


async def test_only_the_bad_message_is_refused():
    door = Door(Recorder(fail_on=b"2"))
    answers = await asyncio.gather(*(door.ask(message) for message in (b"1", b"2", b"3")))
    assert answers == [b"AA 1", b"AR 2", b"AA 3"]
    assert [str(error) for error in door.why] == ["bad message"]


async def test_when_the_database_is_away_the_batch_is_refused_at_once():
    away = OperationalError("INSERT", {}, Exception("database is locked"))
    recorder = Recorder(fail_on=b"2", error=away)
    assert await ask_all(recorder, b"1", b"2", b"3") == [b"AR 1", b"AR 2", b"AR 3"]
    assert len(recorder.batches) == 1


async def test_one_who_no_longer_waits_does_not_hinder_the_others():
    recorder = Recorder()
    door = Door(recorder)
    gone = asyncio.create_task(door.ask(b"1"))
    stays = asyncio.create_task(door.ask(b"2"))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == b"AA 2"
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_a_flusher_that_is_stopped_leaves_nobody_waiting():
    async def for_ever(batch):
        await asyncio.Event().wait()

    door = Door(for_ever)
    waiting = asyncio.create_task(door.ask(b"1"))
    await asyncio.sleep(0.01)
    assert door.batches._flusher is not None
    door.batches._flusher.cancel()
    assert await waiting == b"AR 1"
    assert [type(error) for error in door.why] == [BrokenOff]


async def test_a_call_that_fails_keeps_nobody_else_from_his_answer():
    def gone(answer: bytes) -> None:
        raise ConnectionResetError

    heard: list[bytes] = []
    batches: GroupCommit[bytes, bytes] = GroupCommit(Recorder(), lambda item, _: b"AR " + item)
    batches.put(b"1", gone)
    batches.put(b"2", heard.append)
    assert await batches.answer(b"3") == b"AA 3"
    assert heard == [b"AA 2"]


async def test_every_outcome_is_noted_once_after_the_answers():
    door = Door(Recorder(fail_on=b"2"))
    await asyncio.gather(*(door.ask(message) for message in (b"1", b"2", b"3")))
    await asyncio.sleep(0)
    assert door.noted == [b"AA 1", b"AR 2", b"AA 3"]


async def test_a_crowd_is_taken_in_halves_one_of_which_is_made_ready_while_the_other_is_committed():
    """Broken by taking all who wait: those who came back wait then for a commit of all the others."""
    recorder = Recorder()
    door = Door(recorder)

    async def send(number: int) -> None:
        for time in range(8):
            await door.ask(b"%d %d" % (number, time))

    await asyncio.gather(*(send(number) for number in range(4 * CROWD)))
    assert {len(batch) for batch in recorder.batches[4:-4]} == {2 * CROWD}


def rushed(*moments: float) -> bool:
    """Return whether it is a rush at the last moment, of items that came at all before it."""
    rush = Rush()
    for moment in moments[:-1]:
        rush.note(moment)
    return rush.is_on(moments[-1])


def test_it_is_a_rush_when_many_come_at_once_or_one_upon_the_other_and_until_shortly_after():
    at_once = [10.0] * RUSH
    assert rushed(*at_once, 10.0)
    assert not rushed(*at_once[1:], 10.0)
    assert rushed(*at_once, 10.0 + 1.5 * RUSH_SECONDS)
    assert not rushed(*at_once, 10.0 + 2 * RUSH_SECONDS)
    assert rushed(*(10 + n * RUSH_SECONDS / RUSH / 2 for n in range(RUSH)), 10 + RUSH_SECONDS)


async def test_a_rush_is_how_items_come_and_not_how_they_are_committed():
    """Broken by counting batches: behind a slow disk they are full, however slowly their items come."""
    door = Door(Recorder())
    waiting = [asyncio.create_task(door.ask(b"%d" % number)) for number in range(RUSH)]
    await asyncio.sleep(0)
    assert door.batches.is_rushed
    await asyncio.gather(*waiting)


def test_items_that_come_slowly_never_are_a_rush():
    rush = Rush()
    for number in range(1, 10 * RUSH):
        now = number * RUSH_SECONDS / (RUSH // 2)
        rush.note(now)
        assert not rush.is_on(now)
