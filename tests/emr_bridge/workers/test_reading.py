"""Reading in another process: the same readings, and no message that takes the others with it."""

import asyncio
import multiprocessing
import os
import signal
import threading
import time

import pytest
from tests.emr_bridge.builders import referral, with_link
from tests.emr_bridge.workers.test_interpreter import arrive
from tests.system.whole import until

from emr_bridge.formats.hl7v2.interpret.reading import Doubtful, Requested
from emr_bridge.handlers import interpret
from emr_bridge.workers.reading import FEW, Reader, read_here, understand_all

COUNT = FEW + 2
DEADLY = "M-1"


def dies_of_one(found):
    """Stand for a reader that some message ends, as a fault in a C library would."""
    if any(message.control_id == DEADLY for message in found):
        os._exit(9)
    return understand_all(found)


def never_ends_one(found):
    """Stand for a reader that does not get over some message."""
    while any(message.control_id == DEADLY for message in found):
        time.sleep(0.05)
        if multiprocessing.parent_process() is None and ENDED.is_set():
            break
    return understand_all(found)


def threads_alone(found):
    """Read few in the tests' own process, and more in another."""
    assert (len(found) in range(1, FEW + 1)) == (multiprocessing.parent_process() is None)
    return understand_all(found)


ENDED = threading.Event()
"""A thread cannot be killed: it is let go when the test is over."""


def dies_always(found):
    os._exit(9)


@pytest.fixture
async def found(runtime):
    await with_link(runtime)
    await arrive(runtime, *(referral(f"M-{number}") for number in range(COUNT)))
    async with runtime.db.read() as tx:
        return (await interpret.waiting(tx, sealer=runtime.sealer)).messages


@pytest.fixture
def reader_of():
    made = []

    def make(*read_all):
        made.append(Reader(*read_all))
        return made[-1]

    yield make
    for reader in made:
        reader.close()


def readings(read):
    understood, numbers = read
    return [(one.message.id, one.reading, one.repairs) for one in understood], list(numbers)


async def test_many_are_read_in_another_process_as_they_are_here(found, reader_of):
    reader = reader_of()
    elsewhere = readings(await reader.read(found))
    assert elsewhere == readings(await read_here(found))
    assert all(isinstance(reading, Requested) for _, reading, _ in elsewhere[0])
    assert len(multiprocessing.active_children()) == 1


async def test_few_are_read_here_and_have_the_process_begin_for_those_that_follow(found, reader_of):
    before = multiprocessing.active_children()
    reader = reader_of(threads_alone)
    understood, _ = await reader.read(found[:FEW])
    assert len(understood) == FEW
    [begun] = [c for c in multiprocessing.active_children() if c not in before]
    await reader.read(found)
    assert [c for c in multiprocessing.active_children() if c not in before] == [begun]


async def test_a_message_that_ends_its_reader_is_a_persons_and_the_others_are_read(
    found, reader_of
):
    """INVARIANT: no message takes another one with it."""
    understood, numbers = await reader_of(dies_of_one).read(found)
    doubtful = [one.message.control_id for one in understood if isinstance(one.reading, Doubtful)]
    assert doubtful == [DEADLY]
    assert [one.message.id for one in understood] == [message.id for message in found]
    assert len(numbers) == COUNT - 1


async def test_where_no_reader_lives_all_is_read_here(found, reader_of):
    understood, _ = await reader_of(dies_always).read(found)
    assert all(isinstance(one.reading, Requested) for one in understood)


async def test_a_reader_that_was_killed_between_two_batches_is_replaced(found, reader_of):
    reader = reader_of()
    before = {child.pid for child in multiprocessing.active_children()}
    await reader.read(found)
    (child,) = [c for c in multiprocessing.active_children() if c.pid not in before]
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    await asyncio.to_thread(child.join)
    understood, _ = await reader.read(found)
    assert all(isinstance(one.reading, Requested) for one in understood)


@pytest.mark.parametrize("count", [FEW, COUNT], ids=["in a thread", "in another process"])
async def test_a_message_that_is_never_read_to_its_end_is_a_persons_and_the_others_are_read(
    found, reader_of, count
):
    """INVARIANT: no message holds up another one for ever."""
    try:
        understood, _ = await reader_of(never_ends_one, 5.0).read(found[:count])
    finally:
        ENDED.set()
    doubtful = [one.message.control_id for one in understood if isinstance(one.reading, Doubtful)]
    assert doubtful == [DEADLY]
    assert len(understood) == count


async def test_a_reader_that_is_called_off_leaves_no_process_at_work(found, reader_of):
    before = set(multiprocessing.active_children())

    async def is_at_work():
        return not set(multiprocessing.active_children()) <= before

    async def is_gone():
        return set(multiprocessing.active_children()) <= before  # those of other tests may end

    reading = asyncio.create_task(reader_of(never_ends_one).read(found))
    await until(is_at_work)
    reading.cancel()
    await asyncio.wait([reading])
    await until(is_gone)
