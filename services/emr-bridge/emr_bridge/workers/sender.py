"""The loop that sends what is due: a task per link that has something, one message in flight each."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import structlog

from common import tracing
from common.claims import claim
from common.errors import SetAside
from common.service import Runtime
from common.tracing import Kind
from common.worker import poll
from emr_bridge.domain.link import Link
from emr_bridge.handlers import outcome, send
from emr_bridge.handlers.send import Attempt
from emr_bridge.ports import Outbound
from emr_bridge.store import links, outbound, tables

log = structlog.get_logger()

INTERVAL_SECONDS = 1.0
MOST_LINKS = 100
DRAIN_SECONDS = 5.0

Connect = Callable[[Link], Outbound]


@dataclass
class Sender:
    """Sends over every link; `own` is what we call ourselves in MSH-3 and MSH-4.

    `lease` must be longer than an exchange can take: while it lasts no other process sends.
    """

    runtime: Runtime
    connect: Connect
    own: tuple[str, str]
    lease: timedelta
    jitter: Callable[[], float] = random.random
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _connections: dict[str, tuple[Link, Outbound]] = field(default_factory=dict)
    _stopping: bool = False

    async def run(self) -> None:
        """Send until cancelled; then let the exchanges in flight end."""
        self._stopping = False
        if self.runtime.db.is_sqlite:
            async with self.runtime.db.begin() as tx:
                await links.release_all(tx)
        try:
            await poll(self.step, wake=self.runtime.db.committed, every=INTERVAL_SECONDS)
        finally:
            await self._drain()

    async def step(self) -> bool:
        """Start a task for each link that has something due and that nobody serves."""
        now = self.runtime.clock()
        free = tables.links.c.id.not_in(list(self._tasks))
        async with self.runtime.db.read() as tx:
            if not await outbound.any_due(tx, now):
                return False
        async with self.runtime.db.begin() as tx:
            held = await claim(
                tx,
                tables.links,
                due=outbound.has_due(now) & free,
                order_by=(tables.links.c.id,),
                limit=MOST_LINKS,
                lease=self.lease,
                now=now,
            )
        for row in held:
            serving = self._serve(row["id"], row["lease_token"])
            self._tasks[row["id"]] = asyncio.create_task(serving, name=f"link:{row['id']}")
        return False

    async def idle(self) -> None:
        """Wait until no link is being served."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def _serve(self, link_id: str, token: UUID) -> None:
        """Send what is due over one link, one after the other; then let it go."""
        try:
            while not self._stopping and await self._send_next(link_id, token):
                pass
        except Exception as error:
            log.warning("link_failed", link=link_id, exc_info=error)
            self._tasks.pop(link_id, None)
            return
        self._tasks.pop(link_id, None)
        async with self.runtime.db.begin() as tx:
            await links.release(tx, link_id, token)

    async def _send_next(self, link_id: str, token: UUID) -> bool:
        """Send one message, record what came of it; False when the link rests or is not ours."""
        attempt = await self._begin(link_id, token)
        if attempt is None:
            return False
        link, message = attempt
        if message is None:
            return True
        row = message.row
        about = {"link": row["link_id"], "delivery_id": row["delivery_id"]}
        with tracing.span(
            "send message",
            kind=Kind.CLIENT,
            parent=row["traceparent"],
            attempt=row["attempts"],
            **about,
        ):
            exchange = await self._connection(link).exchange(
                message.message, is_answer=lambda raw: outcome.is_answer_to(message.control_id, raw)
            )
            now = self.runtime.clock()
            async with self.runtime.db.begin() as tx:
                await outcome.record(
                    tx,
                    message.id,
                    message.row,
                    exchange,
                    jitter=self.jitter(),
                    sealer=self.runtime.sealer,
                    now=now,
                )
                held = await links.hold_on(tx, link_id, token, now + self.lease)
                return held and not await links.is_resting(tx, link_id, now)

    async def _begin(self, link_id: str, token: UUID) -> tuple[Link, Attempt | None] | None:
        """Choose and build the next message, and note the attempt before anything is sent."""
        now, sealer = self.runtime.clock(), self.runtime.sealer
        async with self.runtime.db.begin() as tx:
            due = await send.next_due(tx, link_id, own=self.own, sealer=sealer, now=now)
        if due is None:
            return None
        try:
            message = await asyncio.to_thread(send.build, due)
        except SetAside as error:
            log.warning("message_unbuildable", link=link_id, code=error.code, reason=str(error))
            async with self.runtime.db.begin() as tx:
                await send.cannot_build(tx, due, error, now=now)
            return due.link, None
        async with self.runtime.db.begin() as tx:
            return due.link, await send.begin(tx, due, message, token, sealer=sealer, now=now)

    def _connection(self, link: Link) -> Outbound:
        """Return the link's connection; a new one when the clinic moved its EMR."""
        known = self._connections.get(link.id)
        if known is not None and (known[0].host, known[0].port) == (link.host, link.port):
            return known[1]
        if known is not None:
            known[1].close()
        self._connections[link.id] = (link, self.connect(link))
        return self._connections[link.id][1]

    async def _drain(self) -> None:
        self._stopping = True
        tasks = list(self._tasks.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=DRAIN_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.wait(tasks)
        self._tasks.clear()
        for _, connection in self._connections.values():
            connection.close()
        self._connections.clear()
