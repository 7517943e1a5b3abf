"""Three processes on PostgreSQL and Kafka, and the world around them."""

from collections.abc import AsyncGenerator, Awaitable, Generator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
from tests.servers.kafka import Can, KafkaServer
from tests.servers.postgresql import PostgresServer
from tests.servers.provider import could_not_run
from tests.system.trio import Ground, Trio
from tests.system.world import Outside, outside, settings_for


@dataclass
class World(Outside):
    """What is outside, and the services in it."""

    trio: Trio


class MakeWorld(Protocol):
    """Starts so many replicas of each service; `settings` go before those of every world."""

    def __call__(self, replicas: int, **settings: str) -> Awaitable[World]: ...


@pytest.fixture(scope="session")
def ground(
    postgresql: PostgresServer, kafka: KafkaServer, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Ground]:
    """Servers that can be killed and started again, with migrated databases to clone."""
    if postgresql.local is None:
        could_not_run("the faults need a PostgreSQL that the tests may kill")
    kafka.needs(Can.IDEMPOTENCE, Can.RESTART)
    made = Ground(postgresql, kafka, tmp_path_factory.mktemp("ground"))
    yield made
    made.close()


@pytest.fixture
async def world_of(ground: Ground, tmp_path: Path) -> AsyncGenerator[MakeWorld]:
    """Start so many replicas of each service, with clinics."""
    async with AsyncExitStack() as stack:

        async def make(replicas: int, **settings: str) -> World:
            around = await stack.enter_async_context(outside(tmp_path))
            told = settings_for(around.gateway) | settings
            trio = Trio(ground, tmp_path / "trio", told, count=replicas)
            stack.push_async_callback(trio.end)
            await trio.start()
            world = World(around.gateway, around.emr, around.hook, trio)
            await world.register_all(trio)
            return world

        yield make


@pytest.fixture
async def world(world_of: MakeWorld) -> World:
    return await world_of(1)
