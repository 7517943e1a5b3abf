"""The same records by aiokafka alone, 500 sent and then awaited: python -m benchmarks.peers.plain_produce LOG_URL COUNT."""

import asyncio
import json
import sys
import time

import uvloop
from aiokafka import AIOKafkaProducer

from benchmarks.ours import records
from common.eventlog.kafka_settings import read_settings

BATCH = 500


async def main(url: str, count: int) -> None:
    """Produce with acks=all and idempotence, as the product does."""
    settings = read_settings(url)
    ready = [
        (
            settings.prefix + record.topic,
            record.value,
            record.key.encode(),
            [(name, value.encode()) for name, value in record.headers.items()],
        )
        for record in records.records(count)
    ]
    producer = AIOKafkaProducer(
        bootstrap_servers=list(settings.servers), acks="all", enable_idempotence=True
    )
    await producer.start()
    await producer.client.force_metadata_update()
    await producer.partitions_for(ready[0][0])
    began = time.perf_counter()
    for first in range(0, count, BATCH):
        sent = [
            await producer.send(topic, value, key, headers=headers)
            for topic, value, key, headers in ready[first : first + BATCH]
        ]
        await asyncio.gather(*sent)
    print(json.dumps({"rate": count / (time.perf_counter() - began)}))
    await producer.stop()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))
