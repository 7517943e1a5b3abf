"""Two replicas of each service, restarted one after the other while clinics send."""

from tests.faults.balance import balance
from tests.system.traffic import Traffic


async def test_a_rolling_restart_under_load_loses_nothing(world_of):
    """INVARIANT: a replica that is told to stop finishes what it began; the other takes its partitions,
    its leases and its turn at the relay."""
    world = await world_of(2)
    traffic = Traffic(pause=0.2)
    codes = []
    async with traffic.running(world.trio):
        for replica in world.trio.everyone:
            codes.append(await replica.stop())
            await world.trio.restart(replica)
    await balance(world, traffic, kills=0)
    assert codes == [0] * 6
