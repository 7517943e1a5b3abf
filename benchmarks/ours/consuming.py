"""A consumer with an effect of one row per event: in batches as ours does, or one transaction each.

python -m benchmarks.ours.consuming DATABASE_URL LOG_URL SECONDS batch|each
"""

import json
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import uvloop
from sqlalchemy import Column, MetaData, String, Table, Uuid, insert

from benchmarks.ours.service import bare
from common import inbox
from common.consumer import BATCH, Consumer
from common.database import Transaction
from common.eventlog.port import Subscription
from common.events import registry
from common.events.emr import MessageReceived
from common.service import Service
from common.verdicts import Handlers, Heard, Together

Step = Callable[[Subscription], Awaitable[int]]

TOPICS = ("emr.events",)
effects = Table(
    "effects", MetaData(), Column("id", Uuid, primary_key=True), Column("sender", String(400))
)


async def effect(tx: Transaction, event: MessageReceived) -> None:
    """Note the message."""
    await tx.execute(insert(effects), {"id": event.message_id, "sender": event.sender})


async def effects_of(tx: Transaction, heard: Sequence[Heard[MessageReceived]], _: datetime) -> None:
    """Note the messages."""
    rows = [{"id": event.message_id, "sender": event.sender} for event, _ in heard]
    await tx.execute(insert(effects), rows)


async def main(database_url: str, log_url: str, seconds: float, way: str) -> None:
    """Handle what is on the topic until the time is over, or all is; print how many per second."""
    async with bare(database_url, log_url) as service:
        await service.runtime.db.create_all(effects.metadata)
        step = _in_batches(service) if way == "batch" else _each(service)
        async with service.runtime.log.subscribe(TOPICS, group=f"measured-{way}") as subscription:
            await step(subscription)
            handled, began = 0, time.perf_counter()
            ended = began
            while ended < began + seconds and (more := await step(subscription)):
                handled, ended = handled + more, time.perf_counter()
            print(json.dumps({"rate": handled / (ended - began)}))


def _in_batches(service: Service) -> Step:
    runtime = service.runtime
    handlers: Handlers = {MessageReceived: Together(effects_of)}
    consumer = Consumer("measured-batch", TOPICS, handlers, runtime.db, runtime.clock)

    async def step(subscription: Subscription) -> int:
        return await consumer.step(subscription, timeout_seconds=5)

    return step


def _each(service: Service) -> Step:
    runtime = service.runtime

    async def step(subscription: Subscription) -> int:
        records = await subscription.fetch(limit=BATCH, timeout_seconds=5)
        for record in records:
            envelope, event = registry.read(record.value)
            now = runtime.clock()
            async with runtime.db.begin() as tx:
                new = await inbox.first_sight(tx, {envelope.id: record.topic}, now=now)
                if new and isinstance(event, MessageReceived):
                    await effect(tx, event)
        await subscription.commit(records)
        return len(records)

    return step


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4]))
