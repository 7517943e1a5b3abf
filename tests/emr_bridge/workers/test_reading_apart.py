"""Reading in a process of its own: woken by what is kept, telling what it commits, and replaced when it is gone."""

import asyncio
import os
import shlex
import signal
import socket
import sys
from contextlib import asynccontextmanager, suppress

import pytest
from tests.emr_bridge.builders import messages_of, referral, with_link
from tests.emr_bridge.workers.test_interpreter import arrive, facts
from tests.emr_bridge.workers.test_replier import asking
from tests.system.whole import until

from emr_bridge.interpreter import interpret_as_told, look
from emr_bridge.workers.apart import (
    COMMAND,
    EVENTS,
    LEFT,
    LOOK,
    ROWS,
    ReadingApart,
    ReadingEnded,
)
from emr_bridge.workers.interpreter import Left
from emr_bridge.workers.reading import ALL, Reader, understand_all

KEY = "test-1:dGVzdC1rZXktdGVzdC1rZXktdGVzdC1rZXktMTIzNCE="


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request):
    return request.param


@pytest.fixture
def note(tmp_path):
    return tmp_path / "started"


@pytest.fixture
def apart(runtime, tmp_path, note, monkeypatch):
    """Reading apart of this database; how each process was started stands in a note, its id first."""
    monkeypatch.setenv("EMR_BRIDGE_DATABASE_URL", runtime.db.url)
    monkeypatch.setenv("SEALING_KEYS", KEY)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    noting = f'echo $$ "$@" >> {shlex.quote(str(note))}; exec {shlex.join(COMMAND)} "$@"'
    return ReadingApart(runtime, command=("sh", "-c", noting, "sh"))


@asynccontextmanager
async def running(apart):
    task = asyncio.create_task(apart.run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, ReadingEnded):
            await task


async def all_read(runtime, count):
    async def are_read():
        states = [row["state"] for row in await messages_of(runtime)]
        return len(states) == count and set(states) == {"interpreted"}

    await until(are_read)


def started(note):
    """Return what each process was told, and the id of the last."""
    lines = [line.split() for line in note.read_text().splitlines()]
    return [line[1:] for line in lines], int(lines[-1][0])


async def test_what_was_kept_before_and_is_kept_since_is_read_and_told_of(runtime, apart):
    await with_link(runtime)
    await arrive(runtime, referral("M-1"))
    before = runtime.db.told.count
    async with running(apart):
        await all_read(runtime, 1)
        await until_told(runtime, before)
        await arrive(runtime, *(referral(f"M-{number}") for number in range(2, 30)))
        await all_read(runtime, 29)
    assert len(await facts(runtime)) == 29


async def until_told(runtime, before):
    async def is_told():
        return runtime.db.told.count > before

    await until(is_told)


async def test_the_process_ends_with_whoever_waits_for_it(runtime, apart, note):
    async with running(apart):
        await with_link(runtime)
        await arrive(runtime, referral("M-1"))
        await all_read(runtime, 1)
    with pytest.raises(ProcessLookupError):
        os.kill(started(note)[1], 0)


async def test_after_one_that_died_the_next_reads_carefully_and_all_is_read(runtime, apart, note):
    await with_link(runtime)
    async with running(apart) as reading:
        await arrive(runtime, referral("M-1"))
        await all_read(runtime, 1)
        os.kill(started(note)[1], signal.SIGKILL)
        with pytest.raises(ReadingEnded, match="-9"):
            await reading
    await arrive(runtime, *(referral(f"M-{number}") for number in range(2, 13)))
    async with running(apart):
        await all_read(runtime, 12)
    assert started(note)[0] == [[], ["careful"]]
    assert len(await facts(runtime)) == 12


async def test_one_that_says_nothing_any_more_is_killed(runtime):
    silent = (sys.executable, "-c", "import time; time.sleep(60)")
    apart = ReadingApart(runtime, command=silent, patience_seconds=0.2, grace_seconds=0.1)
    with pytest.raises(ReadingEnded):
        await apart.run()
    assert apart.is_careful


async def test_one_that_cannot_start_is_told_of_and_no_reason_for_care(runtime):
    apart = ReadingApart(runtime, command=(sys.executable, "-c", "raise SystemExit(3)"))
    with pytest.raises(ReadingEnded, match="3"):
        await apart.run()
    assert not apart.is_careful


async def test_it_looks_when_told_to_says_what_it_committed_and_ends_with_the_service(runtime):
    await with_link(runtime)
    ours, theirs = socket.socketpair()
    heard, told = await asyncio.open_connection(sock=ours)
    reading = asyncio.create_task(
        interpret_as_told(runtime, *await asyncio.open_connection(sock=theirs), is_careful=True)
    )
    told.write(LOOK)
    assert await heard.readexactly(1) == LEFT[Left.NOTHING]
    await arrive(runtime, referral("M-1"))
    told.write(LOOK)
    assert await heard.readexactly(2) == EVENTS + LEFT[Left.NOTHING]
    await arrive(runtime, asking(control_id="M-2"))
    told.write(LOOK)
    assert await heard.readexactly(3) == ROWS + EVENTS + LEFT[Left.NOTHING]
    told.close()
    async with asyncio.timeout(5):
        await reading


LOOKS = """
import os, pathlib, sys, time
note, go = map(pathlib.Path, sys.argv[1:3])
while sys.stdin.buffer.raw.read(1):
    with note.open("a") as told:
        told.write("l")
    while not go.exists():
        time.sleep(0.01)
    os.write(0, (go.read_text() or "i").encode())
"""
"""Says of every look what it left, nothing unless it is told, once it may go on."""


@pytest.fixture
def looking(runtime, note, tmp_path):
    """Reading apart that only counts how often it is told to look; nothing but a commit wakes it."""
    note.touch()
    command = (sys.executable, "-c", LOOKS, str(note), str(tmp_path / "go"))
    return ReadingApart(runtime, command=command, interval_seconds=600)


async def test_what_comes_while_it_reads_is_read_at_the_same_word(runtime):
    """Broken by a process that waits for another word: the door may have no time to say it."""
    await with_link(runtime)
    await arrive(runtime, referral("M-1"))
    loop = asyncio.get_running_loop()
    coming = [referral("M-2")]

    def read_while_one_comes(found):
        while coming:
            arrival = arrive(runtime, coming.pop())
            asyncio.run_coroutine_threadsafe(arrival, loop).result(timeout=10)
        return understand_all(found)

    said = bytearray()
    left = await look(runtime, Reader(read_while_one_comes, few=ALL), said.extend)
    assert (left, said.count(EVENTS)) == (Left.NOTHING, 2)
    assert len(await facts(runtime)) == 2


async def looked(note, times):
    async def has_looked():
        return note.read_text() == "l" * times

    await until(has_looked)


async def test_what_came_while_it_looked_is_looked_for_though_nobody_wakes_it_again(
    runtime, looking, note, tmp_path
):
    """INVARIANT: no message waits for the next one. Broken by waiting since after the look."""
    async with running(looking):
        await looked(note, 1)
        runtime.db.committed.notify()
        (tmp_path / "go").touch()
        await looked(note, 2)


async def test_one_that_found_nothing_looks_again_when_something_is_kept(
    runtime, looking, note, tmp_path
):
    (tmp_path / "go").touch()
    async with running(looking):
        for times in (1, 2, 3):
            await looked(note, times)
            await asyncio.sleep(0.1)  # it waits by then
            runtime.db.committed.notify()


@pytest.mark.parametrize(("left", "looks"), [(Left.SOME, 1), (Left.OVERDUE, 50)])
async def test_reading_gives_way_to_a_rush_until_a_message_is_overdue(
    runtime, looking, note, tmp_path, left, looks
):
    """Broken by a rush that is waited for in any case: what it left would wait for as long as it lasts."""
    (tmp_path / "go").write_text(LEFT[left].decode())
    looking.is_rushed = lambda: True
    async with running(looking):

        async def has_looked():
            return len(note.read_text()) >= looks

        await until(has_looked)
        if left is Left.SOME:
            await asyncio.sleep(0.3)
            assert len(note.read_text()) == 1
