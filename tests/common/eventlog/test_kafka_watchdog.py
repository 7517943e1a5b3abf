"""A consumer that is alive but gets nothing. The consumer here stands for the library's, not for ours."""

from collections.abc import Set as AbstractSet

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError

from common.errors import Retry
from common.eventlog.kafka_watchdog import STRIKES, Watchdog

PLACE = TopicPartition("t", 0)


class StuckConsumer:
    """Holds one partition; what it answers is set by the test."""

    def __init__(self, *, at: int, end: int | None) -> None:
        self.at, self.end = at, end

    def assignment(self) -> AbstractSet[TopicPartition]:
        return {PLACE}

    async def end_offsets(self, places: AbstractSet[TopicPartition]) -> dict[TopicPartition, int]:
        if self.end is None:
            raise KafkaConnectionError
        return dict.fromkeys(places, self.end)

    async def position(self, place: TopicPartition) -> int:
        return self.at


async def look(watchdog, times, *, placed=True, got_records=False):
    for _ in range(times):
        await watchdog.look(placed=placed, got_records=got_records)


async def test_a_consumer_that_stays_behind_without_moving_is_given_up():
    watchdog = Watchdog(StuckConsumer(at=3, end=9), quiet_seconds=0)
    with pytest.raises(Retry):
        await look(watchdog, STRIKES + 1)


async def test_a_consumer_that_gets_no_answer_is_given_up():
    with pytest.raises(Retry):
        await look(Watchdog(StuckConsumer(at=3, end=None), quiet_seconds=0), STRIKES)


async def test_a_rebalance_without_end_is_given_up():
    with pytest.raises(Retry):
        await look(Watchdog(StuckConsumer(at=3, end=3), quiet_seconds=0), STRIKES, placed=False)


async def test_a_consumer_at_the_end_of_an_idle_topic_is_left_in_peace():
    await look(Watchdog(StuckConsumer(at=9, end=9), quiet_seconds=0), 10)


async def test_a_consumer_that_moves_however_slowly_is_left_in_peace():
    consumer = StuckConsumer(at=0, end=99)
    watchdog = Watchdog(consumer, quiet_seconds=0)
    for _ in range(10):
        consumer.at += 1
        await look(watchdog, 1)


async def test_nobody_is_asked_before_it_has_been_quiet_for_a_while():
    await look(Watchdog(StuckConsumer(at=3, end=None), quiet_seconds=60), 10)
