"""The relay with its writer, at a given rate: when each event was committed.

python -m benchmarks.ours.telling DATABASE_URL LOG_URL EVENTS_PER_SECOND SECONDS
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence

import uvloop

from benchmarks.ours import records
from benchmarks.ours.service import bare
from common import outbox, relay
from common.clock import utc_now
from common.database import Database
from common.events.emr import MessageReceived

FIRST_SECONDS = 0.5
"""What goes before at the same rate: topics are known and statements prepared when the measured ones come."""

TICK_SECONDS = 0.005
"""What comes in this time shares a commit, as messages at a busy door do."""


async def main(database_url: str, log_url: str, rate: int, seconds: float) -> None:
    """Commit events at that rate while the relay runs; print each one's time of commit."""
    async with bare(database_url, log_url) as service:
        publishing = asyncio.ensure_future(relay.relay_of(service).run())
        count = round(rate * TICK_SECONDS)
        await asyncio.sleep(1)
        await _commit(service.runtime.db, count, FIRST_SECONDS)
        committed = await _commit(service.runtime.db, count, seconds)
        await asyncio.sleep(0.5)
        publishing.cancel()
        print(json.dumps(committed))


async def _commit(db: Database, count: int, seconds: float) -> dict[str, float]:
    committed: dict[str, float] = {}
    due = began = time.perf_counter()
    while due < began + seconds:
        now = utc_now()
        events = [records.event(len(committed) + number, now) for number in range(count)]
        async with db.begin() as tx:
            await outbox.append_all(tx, events, now=now)
        committed |= _stamped(events, time.time())
        due += TICK_SECONDS
        await asyncio.sleep(max(0, due - time.perf_counter()))
    return committed


def _stamped(events: Sequence[MessageReceived], at: float) -> dict[str, float]:
    return {str(event.message_id): at for event in events}


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
