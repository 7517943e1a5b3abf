"""Another process on the same log, for the tests that kill it: appends and says so, or reads and holds."""

import asyncio
import importlib
import sys

from common import logs
from common.eventlog.port import EventLog, NewRecord


async def append(log: EventLog, topic: str, count: str) -> None:
    for n in range(int(count)):
        await log.append([NewRecord(topic, "k", str(n).encode(), {})])
        print(n, flush=True)


async def hold(log: EventLog, topic: str, group: str) -> None:
    async with log.subscribe([topic], group=group) as subscription:
        while True:
            for record in await subscription.fetch(limit=1, timeout_seconds=0.2):
                print(record.value.decode(), flush=True)


async def main(opener: str, place: str, what: str, *arguments: str) -> None:
    logs.configure(level="error", form="json")  # standard output is for the parent
    module, _, function = opener.partition(":")
    log = getattr(importlib.import_module(module), function)(place)
    await {"append": append, "hold": hold}[what](log, *arguments)
    await log.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
