"""The log and the databases go away and come back, while clinics send; afterwards the books balance."""

import asyncio

from tests.faults.balance import balance
from tests.faults.conftest import World
from tests.system.traffic import Traffic

KAFKA_AWAY = 3.0
POSTGRESQL_AWAY = 2.0


async def test_nothing_is_lost_when_kafka_is_killed_and_comes_back(world: World):
    """INVARIANT: without its log a service goes on answering; what it has to tell waits in its outbox."""
    kafka = world.trio.ground.kafka
    traffic = Traffic(pause=0.2)
    async with traffic.running(world.trio):
        await asyncio.sleep(2)
        await asyncio.to_thread(kafka.kill)
        before = len(traffic.acknowledged), len(traffic.created)
        await asyncio.sleep(KAFKA_AWAY)
        meanwhile = (len(traffic.acknowledged) - before[0], len(traffic.created) - before[1])
        await asyncio.to_thread(kafka.start)
        await asyncio.sleep(2)
    print(f"\nwithout Kafka: {meanwhile[0]} messages acknowledged, {meanwhile[1]} posted")
    await balance(world, traffic, kills=1)
    assert min(meanwhile) > 0


async def test_nothing_is_lost_when_postgresql_is_killed_and_comes_back(world: World):
    """INVARIANT: what was answered was committed; what was not is sent again; no service dies of it."""
    server = world.trio.ground.postgresql.local
    assert server is not None
    traffic = Traffic(pause=0.2)
    async with traffic.running(world.trio):
        await asyncio.sleep(2)
        server.kill()
        await asyncio.sleep(0.5)  # what was on its way is answered
        before = len(traffic.acknowledged), len(traffic.created)
        await asyncio.sleep(POSTGRESQL_AWAY)
        meanwhile = len(traffic.acknowledged), len(traffic.created)
        server.start()
        assert meanwhile == before, "answered without a database"
        await asyncio.sleep(2)
    assert all(replica.is_up for replica in world.trio.everyone)
    await balance(world, traffic, kills=1)
