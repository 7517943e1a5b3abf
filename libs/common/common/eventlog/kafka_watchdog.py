"""Notices a consumer that is alive but gets nothing though there is something, which aiokafka does not tell."""

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from common.errors import Retry

QUIET_SECONDS = 20.0
"""After so long without a record the consumer's positions are compared with the ends of its partitions."""

ANSWER_SECONDS = 5.0
STRIKES = 3
"""So many bad looks in a row, and the subscription ends; its worker is started again with a new consumer."""


class Watchdog:
    """Looks after one consumer."""

    def __init__(self, consumer: AIOKafkaConsumer, *, quiet_seconds: float = QUIET_SECONDS) -> None:
        """Start content."""
        self._consumer = consumer
        self._quiet_seconds = quiet_seconds
        self._looked = asyncio.get_running_loop().time()
        self._strikes = 0
        self._waiting: dict[TopicPartition, int] = {}

    async def look(self, *, placed: bool, got_records: bool) -> None:
        """Raise Retry when the consumer is stuck: behind without moving, without an answer, or in a rebalance."""
        now = asyncio.get_running_loop().time()
        if got_records:
            self._looked, self._strikes, self._waiting = now, 0, {}
        if now - self._looked < self._quiet_seconds:
            return
        self._looked = now
        self._strikes = self._strikes + 1 if not placed or await self._is_stuck() else 0
        if self._strikes >= STRIKES:
            raise Retry("the consumer is alive but gets no records")

    async def _is_stuck(self) -> bool:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                waiting = await self._behind()
        except (KafkaError, OSError):  # TimeoutError is one
            return True
        stuck = any(self._waiting.get(place) == position for place, position in waiting.items())
        self._waiting = waiting
        return stuck

    async def _behind(self) -> dict[TopicPartition, int]:
        """Return the position in each partition that holds records after it."""
        held = self._consumer.assignment()
        ends = await self._consumer.end_offsets(held) if held else {}
        positions = {place: await self._consumer.position(place) for place in held}
        return {place: at for place, at in positions.items() if at < ends[place]}
