"""Appends to Kafka: a batch is sent whole and then awaited; a producer that failed is thrown away."""

import asyncio
from collections.abc import Sequence

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from common.errors import Retry
from common.eventlog.kafka_connection import bounded, options
from common.eventlog.kafka_settings import KafkaSettings
from common.eventlog.port import NewRecord, RecordsTooLarge

log = structlog.get_logger()

LARGEST = 1_048_000
"""Bytes of one record with its headers: what a broker takes by default (1 MiB), less what goes around it."""

BATCH_BYTES = 128 * 1024
"""Per partition and request; aiokafka keeps one request per partition on the way, so small is slow."""


class ExpendableProducer(AIOKafkaProducer):  # type: ignore[misc]  # aiokafka has no types
    """A producer that can be given up at once."""

    async def abandon(self) -> None:
        """Stop without flushing: nothing that was not answered may leave later, behind its repeat.

        aiokafka's own stop() waits for the broker; an idempotent batch never expires by itself.
        """
        sender = self._sender.sender_task
        while sender is not None and not sender.done():
            sender.cancel()  # each time one more of the requests that it waits for
            await asyncio.wait([sender], timeout=0.2)
        self._closed = True
        await self.client.close()


class KafkaProducer:
    """The one producer of a process, built when it is first needed and after every failure."""

    def __init__(self, settings: KafkaSettings) -> None:
        """Connect to nothing yet."""
        self._settings = settings
        self._turn = asyncio.Lock()
        self._producer: ExpendableProducer | None = None

    async def append(self, records: Sequence[NewRecord]) -> None:
        """Append in the order given, or raise Retry within the time-out.

        One at a time: a failed append takes the producer with it, which must be nobody else's.
        RecordsTooLarge tells which the cluster will never take.
        """
        if large := [n for n, record in enumerate(records) if _is_too_large(record)]:
            raise RecordsTooLarge(large)
        async with self._turn:
            try:
                await self._append(records)
            except Retry as error:
                if not isinstance(error.__cause__, MessageSizeTooLargeError):
                    raise
                await self._find_refused(records)

    async def _append(self, records: Sequence[NewRecord]) -> None:
        try:
            async with bounded("take the records", self._settings.timeout_seconds):
                await self._send(records)
        except Retry as error:
            log.warning("kafka_producer_abandoned", records=len(records), exc_info=error)
            await self._abandon()
            raise

    async def _find_refused(self, records: Sequence[NewRecord]) -> None:
        """Append one by one where a topic takes less than we think: a batch does not tell whose fault it is."""
        for place, record in enumerate(records):
            try:
                await self._append([record])
            except Retry as error:
                if isinstance(error.__cause__, MessageSizeTooLargeError):
                    raise RecordsTooLarge([place]) from error
                raise

    async def close(self) -> None:
        """Send what is still waiting, for a bounded time; then disconnect."""
        async with self._turn:
            if self._producer is None:
                return
            try:
                async with bounded("flush", self._settings.timeout_seconds):
                    await self._producer.flush()
                    await self._producer.stop()
            except Retry:
                await self._abandon()
            self._producer = None

    async def _send(self, records: Sequence[NewRecord]) -> None:
        producer = await self._started()
        waiting = [await self._hand_over(producer, record) for record in records]
        if waiting:
            await asyncio.wait(waiting)
        for future in waiting:
            future.result()

    async def _hand_over(
        self, producer: ExpendableProducer, record: NewRecord
    ) -> "asyncio.Future[object]":
        headers = [(name, value.encode()) for name, value in record.headers.items()]
        topic = self._settings.prefix + record.topic
        sent: asyncio.Future[object] = await producer.send(
            topic, key=record.key.encode(), value=record.value, headers=headers
        )
        sent.add_done_callback(_seen)
        return sent

    async def _started(self) -> ExpendableProducer:
        if self._producer is None:
            producer = ExpendableProducer(
                **options(self._settings),
                acks="all",
                enable_idempotence=self._settings.enable_idempotence,
                max_batch_size=BATCH_BYTES,
                request_timeout_ms=int(self._settings.timeout_seconds * 1000),
            )
            try:
                await producer.start()
            except BaseException:
                await producer.abandon()
                raise
            self._producer = producer
        return self._producer

    async def _abandon(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.abandon()


def _is_too_large(record: NewRecord) -> bool:
    """Compare with the bytes of a record, or with what is certainly more; headers are counted only near the limit."""
    if len(record.value) < LARGEST // 2:
        return False
    told = sum(4 * (len(name) + len(value)) + 10 for name, value in record.headers.items())
    return len(record.value) + 4 * len(record.key) + told > LARGEST


def _seen(future: "asyncio.Future[object]") -> None:
    """Look at every outcome: of several that failed together only the first is raised."""
    if not future.cancelled():
        future.exception()
