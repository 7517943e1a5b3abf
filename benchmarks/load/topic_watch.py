"""When each event of a topic arrives at a reader of its own: python -m benchmarks.load.topic_watch LOG_URL TOPIC.

Prints `ready`, reads until its input is closed, then prints {message_id: time}.
"""

import asyncio
import json
import sys
import time

import uvloop
from aiokafka import AIOKafkaConsumer

from common.eventlog.kafka_settings import read_settings


async def main(url: str, topic: str) -> None:
    """Read a topic that is new."""
    settings = read_settings(url)
    consumer = AIOKafkaConsumer(
        settings.prefix + topic,
        bootstrap_servers=list(settings.servers),
        auto_offset_reset="earliest",
    )
    await consumer.start()
    print("ready", flush=True)
    arrived: dict[str, float] = {}
    reading = asyncio.create_task(_read(consumer, arrived))
    await asyncio.to_thread(sys.stdin.read)
    reading.cancel()
    await consumer.stop()
    print(json.dumps(arrived))


async def _read(consumer: AIOKafkaConsumer, arrived: dict[str, float]) -> None:
    while True:
        found = await consumer.getmany(timeout_ms=1000)
        at = time.time()
        for records in found.values():
            for record in records:
                arrived[json.loads(record.value)["data"]["message_id"]] = at


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2]))
