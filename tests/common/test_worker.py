import asyncio

import pytest

from common.signals import Signal
from common.worker import poll


async def test_a_signal_wakes_all_who_wait():
    signal = Signal()
    waiting = [asyncio.create_task(signal.wait(5)) for _ in range(3)]
    await asyncio.sleep(0)
    signal.notify()
    assert await asyncio.gather(*waiting) == [True] * 3


async def test_without_a_signal_the_wait_ends_by_itself():
    assert await Signal().wait(0.01) is False


async def test_a_signal_between_looking_and_waiting_is_not_lost():
    """INVARIANT: no wake-up is lost in one process. Broken by an event that forgets on notify."""
    signal = Signal()
    seen = signal.count
    signal.notify()
    assert await signal.wait(0, since=seen) is True


async def test_a_loop_steps_again_while_there_is_more_and_then_waits_to_be_woken():
    signal, answers, steps = Signal(), [True, True, False, False], 0

    async def step() -> bool:
        nonlocal steps
        steps += 1
        return answers[steps - 1] if steps <= len(answers) else False

    loop = asyncio.create_task(poll(step, wake=signal, every=60, rest=0.01))
    await asyncio.sleep(0.1)
    assert steps == 3
    signal.notify()
    await asyncio.sleep(0.1)
    assert steps == 4
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop


async def test_a_loop_that_is_woken_during_its_step_steps_once_more():
    signal, steps = Signal(), 0

    async def step() -> bool:
        nonlocal steps
        steps += 1
        if steps == 1:
            signal.notify()
        return False

    loop = asyncio.create_task(poll(step, wake=signal, every=60, rest=0.01))
    await asyncio.sleep(0.1)
    assert steps == 2
    loop.cancel()
    await asyncio.wait([loop])


async def test_a_loop_that_finds_nothing_rests_however_often_it_is_woken():
    """INVARIANT: a hundred commits are not a hundred looks of every loop."""
    signal, steps = Signal(), 0

    async def step() -> bool:
        nonlocal steps
        steps += 1
        return False

    loop = asyncio.create_task(poll(step, wake=signal, every=60, rest=0.1))
    for _ in range(50):
        signal.notify()
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.15)
    loop.cancel()
    await asyncio.wait([loop])
    assert 2 <= steps <= 4


async def test_a_loop_that_nobody_wakes_looks_after_its_interval():
    steps = 0

    async def step() -> bool:
        nonlocal steps
        steps += 1
        return False

    loop = asyncio.create_task(poll(step, wake=Signal(), every=0.01))
    await asyncio.sleep(0.1)
    loop.cancel()
    await asyncio.wait([loop])
    assert steps >= 3
