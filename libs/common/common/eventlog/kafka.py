"""The event log on Apache Kafka, through aiokafka: at least once, in order per key. Uses no transactions.

What keeps effects single is the inbox of each reader; here nothing rests on exactly-once.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from common.eventlog.kafka_connection import bounded, partitions
from common.eventlog.kafka_consumer import new_consumer
from common.eventlog.kafka_producer import KafkaProducer
from common.eventlog.kafka_settings import KafkaSettings, read_settings
from common.eventlog.kafka_subscription import KafkaSubscription, as_record
from common.eventlog.port import NewRecord, Record

FOLLOW_MILLISECONDS = 500


class KafkaEventLog:
    """An EventLog in a cluster."""

    def __init__(self, settings: KafkaSettings) -> None:
        """Connect to nothing yet: a service starts, and says that it is not ready, without its log."""
        self._settings = settings
        self._producer = KafkaProducer(settings)

    async def append(self, records: Sequence[NewRecord]) -> None:
        """Append with acks=all: on return every in-sync replica has the records."""
        await self._producer.append(records)

    @asynccontextmanager
    async def subscribe(
        self, topics: Sequence[str], *, group: str
    ) -> AsyncGenerator[KafkaSubscription]:
        """Be ready to join a group, as the first fetch does. Retry where a topic does not exist."""
        await partitions(self._settings, self._named(topics))
        consumer = new_consumer(
            self._settings,
            group_id=self._settings.prefix + group,
            group_instance_id=self._settings.group_instance_id,
        )
        subscription = KafkaSubscription(consumer, self._settings, topics=topics, group=group)
        try:
            async with bounded("let the member in", self._settings.timeout_seconds):
                await consumer.start()
            yield subscription
        finally:
            await subscription.leave()

    async def read(self, topics: Sequence[str], *, follow: bool) -> AsyncGenerator[Record]:
        """Read every partition from its first record on, without a group."""
        places = await partitions(self._settings, self._named(topics))
        consumer = new_consumer(self._settings)
        consumer.assign(places)
        try:
            async with bounded("answer", self._settings.timeout_seconds):
                await consumer.start()
                ends = await consumer.end_offsets(places)
            while True:
                async with bounded("hand out records", self._settings.timeout_seconds):
                    if not follow and not await _is_before(consumer, ends):
                        return
                    found = await consumer.getmany(timeout_ms=FOLLOW_MILLISECONDS)
                for record in (r for batch in found.values() for r in batch):
                    yield as_record(record, prefix=self._settings.prefix)
        finally:
            await consumer.stop()

    async def lag(self, topics: Sequence[str], *, group: str) -> Mapping[str, int]:
        """Subtract what the group committed from the end of each partition, without joining it."""
        places = await partitions(self._settings, self._named(topics))
        consumer = new_consumer(self._settings, group_id=self._settings.prefix + group)
        try:
            async with bounded("answer", self._settings.timeout_seconds):
                await consumer.start()
                firsts = await consumer.beginning_offsets(places)
                ends = await consumer.end_offsets(places)
                committed = await asyncio.gather(*(consumer.committed(place) for place in places))
        finally:
            await consumer.stop()
        lag = dict.fromkeys(topics, 0)
        for place, done in zip(places, committed, strict=True):
            topic = place.topic.removeprefix(self._settings.prefix)
            lag[topic] += max(0, ends[place] - max(done or 0, firsts[place]))
        return lag

    async def ping(self) -> None:
        """Connect anew and ask for the cluster's description."""
        await partitions(self._settings, ())

    async def close(self) -> None:
        """Flush and disconnect the producer."""
        await self._producer.close()

    def _named(self, topics: Sequence[str]) -> list[str]:
        return [self._settings.prefix + topic for topic in topics]


def open_kafka(url: str, **beside: Any) -> KafkaEventLog:
    """Return the log of a `kafka://` URL; what comes beside it is that of `read_settings`."""
    return KafkaEventLog(read_settings(url, **beside))


async def _is_before(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    for place, end in ends.items():
        if await consumer.position(place) < end:
            return True
    return False
