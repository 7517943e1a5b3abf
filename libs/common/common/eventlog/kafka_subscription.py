"""One member of a Kafka group: what it holds, what it handed out, what it owes the group as offsets.

Rebalances run in a task of aiokafka's beside the handler, so everything here asks first what is held.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from common.errors import Retry
from common.eventlog.kafka_connection import bounded
from common.eventlog.kafka_consumer import ExpendableConsumer
from common.eventlog.kafka_settings import KafkaSettings
from common.eventlog.kafka_watchdog import Watchdog
from common.eventlog.port import Record

log = structlog.get_logger()

ANSWER_SECONDS = 5.0
GRACE_SECONDS = 0.05


@dataclass(slots=True)
class Held:
    """A partition while it is ours, in offsets."""

    first: int
    """The first that was handed out."""
    next: int
    """The next to be handed out."""
    done: int = 0
    """The next that is not handled yet: what the group shall go on from."""
    settled: int = 0
    """What of `done` the group knows."""


class KafkaSubscription(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """A Subscription on a consumer that was started, and the listener to its rebalances."""

    def __init__(
        self,
        consumer: ExpendableConsumer,
        settings: KafkaSettings,
        *,
        topics: Sequence[str],
        group: str,
    ) -> None:
        """Hold nothing: the first fetch joins the group."""
        self._consumer = consumer
        self._settings = settings
        self._topics = tuple(topics)
        self._group = group
        self._held: dict[TopicPartition, Held] = {}
        self._joined = False
        self._placed = asyncio.Event()
        self._hands_empty = asyncio.Event()
        self._hands_empty.set()
        self._watchdog = Watchdog(consumer)

    async def fetch(self, *, limit: int, timeout_seconds: float) -> Sequence[Record]:
        """Return what is next in the partitions that are held, and are held when it returns."""
        if not self._joined:
            names = [self._settings.prefix + topic for topic in self._topics]
            self._consumer.subscribe(names, listener=self)
            self._joined = True
        self._hands_empty.set()
        await self._settle()
        found = await self._poll(limit, timeout_seconds)
        records = [self._hand_out(record) for batch in found.values() for record in batch]
        if records:
            self._hands_empty.clear()
        await self._watchdog.look(placed=self._placed.is_set(), got_records=bool(records))
        return records

    async def commit(self, records: Sequence[Record]) -> None:
        """Commit what is still ours; what a rebalance took is for its new holder to handle again."""
        for record in records:
            place = TopicPartition(self._settings.prefix + record.topic, record.partition)
            held = self._held.get(place)
            if held and held.first <= record.offset < held.next:
                held.done = max(held.done, record.offset + 1)
        try:
            await self._settle()
        finally:
            if all(held.done == held.next for held in self._held.values()):
                self._hands_empty.set()

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:  # noqa: ARG002 - all of them move
        """Hand out no more, let the handler finish what it has (bounded), commit, then let go."""
        self._placed.clear()
        try:
            async with asyncio.timeout(self._settings.drain_seconds):
                await self._hands_empty.wait()
            await self._settle()
        except (TimeoutError, Retry) as error:
            log.warning("kafka_partitions_given_up", group=self._group, exc_info=error)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Go on behind what was handed out where a partition stayed; forget those that went."""
        kept = {place: held for place in assigned if (held := self._held.get(place))}
        for place in list(kept):
            if await self._is_stale(place, kept[place]):
                del kept[place]
            else:
                self._consumer.seek(place, kept[place].next)
        self._held = kept
        self._placed.set()
        log.info("kafka_partitions_assigned", group=self._group, count=len(assigned))

    async def leave(self) -> None:
        """Commit what is owed and leave the group, in bounded time also without a broker."""
        patience = min(ANSWER_SECONDS, self._settings.timeout_seconds)
        try:
            async with bounded("take the last offsets", patience):
                await self._settle()
        except Retry as error:
            log.warning("kafka_offsets_lost", group=self._group, exc_info=error)
        try:
            async with bounded("let go of the member", patience):
                await self._consumer.stop()
        except Retry as error:
            log.warning("kafka_member_abandoned", group=self._group, exc_info=error)
            await self._consumer.abandon()

    async def _poll(self, limit: int, seconds: float) -> Mapping[TopicPartition, Sequence[Any]]:
        """Ask aiokafka once the partitions are placed: in a rebalance it would wait for the end of it."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await self._placed.wait()
        left = max(0, int((deadline - loop.time()) * 1000))
        found: Mapping[TopicPartition, Sequence[Any]] = {}
        try:
            async with asyncio.timeout_at(deadline + GRACE_SECONDS):
                found = await self._consumer.getmany(timeout_ms=left, max_records=limit)
        except TimeoutError:
            return {}
        except KafkaError as error:  # also what went wrong in the group since the last time
            raise Retry(f"Kafka hands out nothing: {type(error).__name__}") from error
        if not self._placed.is_set():
            self._give_back(found)
            return {}
        return found

    def _give_back(self, found: Mapping[TopicPartition, Sequence[Any]]) -> None:
        """Undo a poll that a rebalance overtook, so that what it returned is not skipped."""
        for place, batch in found.items():
            if place in self._consumer.assignment():
                self._consumer.seek(place, batch[0].offset)

    def _hand_out(self, found: Any) -> Record:
        place = TopicPartition(found.topic, found.partition)
        held = self._held.setdefault(place, Held(first=found.offset, next=found.offset))
        held.next = found.offset + 1
        return as_record(found, prefix=self._settings.prefix)

    async def _settle(self) -> None:
        """Commit what is owed of what is held; when a rebalance refuses it, it stays owed until that is over."""
        held = self._consumer.assignment()
        owed = {p: h.done for p, h in self._held.items() if p in held and h.done > h.settled}
        if not owed:
            return
        async with bounded("take the offsets", self._settings.timeout_seconds):
            try:
                await self._consumer.commit(owed)
            except (CommitFailedError, IllegalStateError) as error:
                log.info("kafka_commit_refused", group=self._group, exc_info=error)
                return
        for place, done in owed.items():
            if place in self._held:
                self._held[place].settled = done

    async def _is_stale(self, place: TopicPartition, held: Held) -> bool:
        """Tell whether another member had the partition in between, or nobody knows."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                committed = await self._consumer.committed(place)
        except (KafkaError, OSError):  # TimeoutError is one; then handled twice rather than never
            return True
        return committed is not None and committed > held.next


def as_record(found: Any, *, prefix: str) -> Record:
    """Return aiokafka's record as ours, under the topic's name without the prefix.

    Anything may stand on a topic: what is no text is replaced, so that the reader can set it aside.
    """
    return Record(
        topic=found.topic.removeprefix(prefix),
        partition=found.partition,
        offset=found.offset,
        key=_text(found.key),
        value=found.value or b"",
        headers={name: _text(value) for name, value in found.headers},
        appended_at=datetime.fromtimestamp(found.timestamp / 1000, UTC),
    )


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace").replace("\0", "\ufffd")
