"""The loop that gives our application ACKs: on the link's own address, or where the message came in."""

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
MOST = 20
LEASE = timedelta(minutes=5)

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
            await replies.give_up(tx, now - reply.LONGEST, now)
            held = await replies.claim_due(tx, here, limit=MOST, lease=LEASE, now=now)
        for row in held:
            error = await self._give(row)
            async with self.runtime.db.begin() as tx:
                await reply.record(tx, row, error, now=self.runtime.clock())
        return bool(held)

    async def _give(self, row: RowMapping) -> str | None:
        """Send one answer; return why it could not be sent."""
        message = reply.opened(row, self.runtime.sealer)
        if row["way"] == replies.BY_CONNECTION:
            return None if self.send_on(row["link_id"], message) else "no_connection"
        async with self.runtime.db.read() as tx:
            link = await links.sendable(tx, row["link_id"])
        return await self.deliver(link, message) if link else "no_link"
