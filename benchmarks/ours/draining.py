"""The relay with a backlog: python -m benchmarks.ours.draining DATABASE_URL LOG_URL ROWS."""

import json
import sys
import time

import uvloop

from benchmarks.ours import records
from benchmarks.ours.service import bare
from common import outbox, relay
from common.clock import utc_now

AT_ONCE = 1000


async def main(database_url: str, log_url: str, rows: int) -> None:
    """Fill the outbox, then publish all of it."""
    async with bare(database_url, log_url) as service:
        db, now = service.runtime.db, utc_now()
        for first in range(0, rows, AT_ONCE):
            events = [records.event(number, now) for number in range(first, first + AT_ONCE)]
            async with db.begin() as tx:
                await outbox.append_all(tx, events, now=now)
        await service.runtime.log.ping()
        began = time.perf_counter()
        await relay.publish_the_rest(service)
        print(json.dumps({"rate": rows / (time.perf_counter() - began)}))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
