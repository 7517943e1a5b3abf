"""The loop that gives our application ACKs: on the link's own address, or where the message came in."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import RowMapping

from common.service import Runtime
from common.worker import poll
from emr_bridge.domain.link import Link
from emr_bridge.handlers import reply
from emr_bridge.store import links, replies

INTERVAL_SECONDS = 2.0
MOST = 6
LEASE = timedelta(minutes=5)
"""Longer than so many take, one after the other, where an EMR lets each wait as long as it may."""

Deliver = Callable[[Link, bytes], Awaitable[str | None]]
"""Sends to a link's address; returns why it could not, None when it did."""


@dataclass(frozen=True)
class Replier:
    """`deliver` opens a connection; `open_links` and `send_on` know those that EMRs opened to us."""

    runtime: Runtime
    deliver: Deliver
    open_links: Callable[[], list[str]]
    send_on: Callable[[str, bytes], bool]

    async def run(self) -> None:
        """Give answers until cancelled."""
        await poll(self.step, wake=self.runtime.db.committed, every=INTERVAL_SECONDS)

    async def step(self) -> bool:
        """Give what is due; return whether there was any."""
        now, here = self.runtime.clock(), self.open_links()
        async with self.runtime.db.read() as tx:
            if not await replies.any_due(tx, here, now):
                return False
        async with self.runtime.db.begin() as tx:
            await reply.give_up_late(tx, now=now)
            held = await replies.claim_due(tx, here, limit=MOST, lease=LEASE, now=now)
        lanes: dict[tuple[str, str], list[RowMapping]] = {}
        for row in held:
            lanes.setdefault((row["link_id"], row["way"]), []).append(row)
        ended = await asyncio.gather(*map(self._give_all, lanes.values()), return_exceptions=True)
        for trouble in filter(None, ended):
            raise trouble
        return bool(held)

    async def _give_all(self, held: list[RowMapping]) -> None:
        """Give one link's answers; where one cannot be given, the link rests with all of its own."""
        for number, row in enumerate(held, start=1):
            error = await self._give(row)
            async with self.runtime.db.begin() as tx:
                now = self.runtime.clock()
                await reply.record(tx, row, error, now=now)
                if error is not None:
                    await reply.put_off(tx, row, held[number:], now=now)
            if error is not None:
                return

    async def _give(self, row: RowMapping) -> str | None:
        """Send one answer; return why it could not be sent."""
        message = reply.opened(row, self.runtime.sealer)
        if row["way"] == replies.BY_CONNECTION:
            return None if self.send_on(row["link_id"], message) else "no_connection"
        async with self.runtime.db.read() as tx:
            link = await links.sendable(tx, row["link_id"])
        return await self.deliver(link, message) if link else "no_link"
