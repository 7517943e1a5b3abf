"""The consumer of every member of a group and of every reader: how it is set, and how it is given up."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

from common.eventlog.kafka_connection import options
from common.eventlog.kafka_settings import KafkaSettings

REQUEST_MILLISECONDS = 15_000


class ExpendableConsumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """A consumer that can be given up at once."""

    async def abandon(self) -> None:
        """Stop without a word to the group, which notices by itself.

        aiokafka's own stop() waits for the broker; one that was not stopped at all would go on with
        its heartbeats and hold partitions that nobody reads.
        """
        self._closed = True
        tasks = [task for task in vars(self._coordinator or self).values() if _is_task(task)]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=1)
        if self._fetcher is not None:
            await self._fetcher.close()
        await self._client.close()


def _is_task(value: object) -> bool:
    return isinstance(value, asyncio.Task)


def new_consumer(settings: KafkaSettings, **more: Any) -> ExpendableConsumer:
    """Return a consumer that commits nothing by itself and begins at the first record."""
    session = int(settings.session_seconds * 1000)
    rebalance = int(settings.drain_seconds * 1500)  # the others wait so long for one
    return ExpendableConsumer(
        **options(settings),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=int(settings.fetch_wait_seconds * 1000),
        session_timeout_ms=session,
        heartbeat_interval_ms=session // 4,
        partition_assignment_strategy=(_sticky(),),
        rebalance_timeout_ms=rebalance,
        request_timeout_ms=rebalance + REQUEST_MILLISECONDS,  # a join is answered after it
        **more,
    )


def _sticky() -> type[StickyPartitionAssignor]:
    """Return an assignor of one consumer: aiokafka's keeps what its member holds on the class."""

    class Own(StickyPartitionAssignor):  # type: ignore[misc]  # aiokafka has no types
        pass

    return Own
