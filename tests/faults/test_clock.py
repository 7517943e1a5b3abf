"""The wall clock is put forward and back by hours, while the services run and while they are down."""

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tests.faults.balance import SEED, balance
from tests.faults.conftest import MakeWorld, World
from tests.system.books import SERVICES
from tests.system.referrals import referral
from tests.system.traffic import Traffic
from tests.system.whole import until

from common.clock import VARIABLE

JUMPS = (timedelta(hours=3), timedelta(hours=-2), timedelta(hours=2), timedelta(hours=-3))
RIGHT = timedelta()
STAY = 2.0


@dataclass(frozen=True)
class WallClock:
    """The clock of every service, as somebody sets it; leases are longer than what is sent in a hurry."""

    by: Path

    def put(self, by: timedelta) -> None:
        """Write it at once: who reads meanwhile finds the one or the other."""
        draft = self.by.with_suffix(".new")
        draft.write_text(str(by.total_seconds()))
        draft.replace(self.by)

    @contextlib.asynccontextmanager
    async def hurrying(self) -> AsyncGenerator[None]:
        """Have time pass quickly, so that what waits for a time falls due."""
        hurry = asyncio.create_task(self._hurry())
        try:
            yield
        finally:
            hurry.cancel()
            await asyncio.wait([hurry])

    async def _hurry(self) -> None:
        while True:
            await asyncio.sleep(0.2)
            self.put(timedelta(seconds=float(self.by.read_text()) + 30))


async def world_with_clock(world_of: MakeWorld, folder: Path) -> tuple[World, WallClock]:
    clock = WallClock(folder / "put-by")
    clock.put(RIGHT)
    own = {"CLOCK_SPEED": "1", "NOTIFICATIONS_LEASE_SECONDS": "600", VARIABLE: str(clock.by)}
    return await world_of(1, **own), clock


async def test_nothing_is_lost_or_sent_twice_when_the_clock_jumps_hours(world_of, tmp_path):
    """INVARIANT: time decides when something is done, never whether it is, or how often.

    A fax that is sent again because its lease seems over, a promise that is forgotten because its
    row is of the future, or an answer that is given anew breaks it.
    """
    world, clock = await world_with_clock(world_of, tmp_path)
    chance = random.Random(SEED)
    traffic = Traffic(pause=0.2)
    async with traffic.running(world.trio):
        for jump in chance.sample(JUMPS, len(JUMPS)):
            await asyncio.sleep(STAY)
            clock.put(jump)
            await asyncio.sleep(STAY)
            (replica,) = world.trio.replicas[chance.choice(SERVICES)]
            await replica.kill()
            clock.put(RIGHT)
            await world.trio.restart(replica)
        await asyncio.sleep(STAY)
    clock.put(max(JUMPS))  # what was planned when it was ahead is due
    async with clock.hurrying():
        await balance(world, traffic, kills=len(JUMPS))
    books = world.trio.books
    assert not books.count("notifications", RUNNING), "a promise is forgotten"
    assert {event.verified for event in world.hook.events} == {True, False}


DYING = {
    "emr-bridge": ("after_commit@link:", "zz-emr", "links"),
    "notifications": ("after_commit@fax", "zz-fax", "deliveries"),
}
LEASED = "SELECT count(*) FROM {table} WHERE leased_until > now() + interval '2 hours'"
RUNNING = "SELECT count(*) FROM promises WHERE state IN ('open', 'at_risk') AND due_at < now()"


async def test_a_lease_that_was_taken_in_the_future_keeps_nobody_waiting(world_of, tmp_path):
    """INVARIANT: a lease is over when its time is, by whatever clock it was taken.

    What was planned for a time that is still to come waits until then: that is no lease.
    """
    world, clock = await world_with_clock(world_of, tmp_path)
    trio = world.trio
    for service, (place, clinic, table) in DYING.items():
        (replica,) = trio.replicas[service]
        await replica.kill()
        clock.put(timedelta(hours=3))
        await replica.start(failpoint=place)
        await replica.until_ready()
        await trio.call("POST", "/intake/v1/referrals", json=referral(clinic, 1))
        assert await replica.died(seconds=30)
        clock.put(RIGHT)
        assert trio.books.count(service, LEASED.format(table=table))
        await trio.restart(replica)

    await trio.call("POST", "/intake/v1/referrals", json=referral("zz-emr", 2))

    async def told() -> bool:
        done = await asyncio.to_thread(
            trio.books.rows,
            "notifications",
            "SELECT channel FROM deliveries WHERE state = 'confirmed'",
        )
        return {channel for (channel,) in done} == {"emr", "fax"}

    async with clock.hurrying():  # for the look-up of the fax; less than two hours
        await until(told, seconds=60)
    assert float(clock.by.read_text()) < timedelta(hours=2).total_seconds()
