"""kill -9 of one service after the other, at named places and at random; afterwards the books balance.

REFERRAL_LOOP_SEED chooses other moments and places, REFERRAL_LOOP_KILLS how many at random.
"""

import asyncio
import os
import random
from typing import Any

from tests.faults.balance import SEED, balance
from tests.faults.conftest import World
from tests.system.books import SERVICES
from tests.system.traffic import Traffic
from tests.system.trio import Replica

KILLS = int(os.environ.get("REFERRAL_LOOP_KILLS", "6"))

PLACES = {
    "emr-bridge": [
        "before_commit@group-commit",  # neither kept nor acknowledged
        "after_commit@group-commit",  # kept, and not acknowledged
        "before_commit@interpreter",  # acknowledged, and neither announced nor read
        "before_publish@relay",  # acknowledged, and not told
        "after_publish@relay",  # told, and not marked
        "before_offset@consumer",  # handled, and the group does not know
        "after_commit@link:",  # an attempt is noted, and nothing was sent
    ],
    "intake": [
        "after_commit@group-commit",  # created, and not answered
        "before_commit@consumer",  # handled, and rolled back
        "before_offset@consumer",
        "after_publish@relay",
    ],
    "notifications": [
        "before_offset@consumer",
        "after_commit@fax",  # an attempt is noted, and nothing was sent
        "after_commit@webhook",
        "after_commit@emr",  # handed over by an event, and nobody told
        "after_publish@relay",
    ],
}
REACHED_WITHIN = 45.0
"""Whoever it waits for may be dying at places of its own."""


async def test_nothing_is_lost_when_a_service_dies_between_two_steps(world: World):
    """INVARIANT: at whatever place a process ends, the next one goes on from what was committed."""
    chance = random.Random(SEED)
    traffic = Traffic(pause=0.2)
    async with traffic.running(world.trio):
        chains = [die_at_each(world, service, places, chance) for service, places in PLACES.items()]
        lived_through = await asyncio.gather(*chains)
        for service, places in zip(PLACES, lived_through, strict=True):  # with nobody else dying
            assert not places or not await die_at_each(world, service, places, chance), places
    await balance(world, traffic, kills=sum(map(len, PLACES.values())))


async def die_at_each(
    world: World, service: str, places: list[str], chance: random.Random
) -> list[str]:
    """Start a service again and again, each time to die elsewhere; return where it did not."""
    (replica,) = world.trio.replicas[service]
    await replica.kill()
    lived_through = []
    for place in chance.sample(places, len(places)):
        await replica.start(failpoint=f"{place}#{chance.randint(1, 3)}")
        if not await replica.died(seconds=REACHED_WITHIN):
            lived_through.append(place)
            await replica.kill()
    await world.trio.restart(replica)
    return lived_through


async def test_nothing_is_sent_twice_when_a_service_dies_while_the_far_side_answers(world: World):
    """INVARIANT: what was submitted and not recorded is looked up, or repeated under the same id."""
    (notifications,), (bridge,) = (
        world.trio.replicas[service] for service in ("notifications", "emr-bridge")
    )
    traffic = Traffic(pause=0.2)
    async with traffic.running(world.trio):
        for far_side, method, sender in (
            (world.gateway, "send", notifications),
            (world.emr, "_keep", bridge),
            (world.hook.script, "take", notifications),
        ):
            kill_at_the_next(far_side, method, sender)
            assert await sender.died(seconds=REACHED_WITHIN), method
            await world.trio.restart(sender)
    await balance(world, traffic, kills=3)


def kill_at_the_next(far_side: Any, method: str, sender: Replica) -> None:
    """Have a stand-in take one more thing, of which its sender hears nothing any more."""
    honest = getattr(far_side, method)

    def take(*arguments: Any) -> Any:
        setattr(far_side, method, honest)
        sender.kill_now()
        return honest(*arguments)

    setattr(far_side, method, take)


async def test_nothing_is_lost_when_services_are_killed_at_random(world: World):
    """INVARIANT: no moment is unsafe."""
    chance = random.Random(SEED)
    traffic = Traffic(pause=0.2)
    async with traffic.running(world.trio):
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(0.2, 1.5))
            (replica,) = world.trio.replicas[chance.choice(SERVICES)]
            await replica.kill()
            await world.trio.restart(replica)
    await balance(world, traffic, kills=KILLS)
