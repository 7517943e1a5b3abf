"""The loop that sends what is due: a task per link that has something, in flight what it allows.

A link is held by a short lease that a heartbeat renews: who dies lets it go within seconds.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from sqlalchemy import RowMapping

from common import tracing
from common.claims import claim
from common.errors import SetAside
from common.service import Runtime
from common.tracing import Kind
from common.worker import poll
from emr_bridge.domain.link import Link
from emr_bridge.domain.outgoing import Us
from emr_bridge.handlers import acknowledge, outcome, send
from emr_bridge.handlers.answers import is_answer_to
from emr_bridge.handlers.attempt import Attempt
from emr_bridge.handlers.outcome import Means
from emr_bridge.handlers.send import Due, Serving
from emr_bridge.ports import Outbound
from emr_bridge.store import condition, links, outbound, tables

log = structlog.get_logger()

INTERVAL_SECONDS = 1.0
MOST_LINKS = 100
DRAIN_SECONDS = 5.0
LEASE = timedelta(seconds=15)
BEATS = 3
"""So often a lease is renewed while it would last: one that fails is made good by the next."""

Connect = Callable[[Link, Callable[[bytes], None]], Outbound]
"""Makes the connection of a link; the second argument takes what nobody waited for."""

Lane = tuple[str, int]


@dataclass
class Sender:
    """Sends over every link. While a lease lasts no other process sends over its link."""

    runtime: Runtime
    connect: Connect
    us: Us = field(default_factory=Us)
    lease: timedelta = LEASE
    application_wait: timedelta = timedelta(minutes=10)
    jitter: Callable[[], float] = random.random
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _answers: set[asyncio.Task[None]] = field(default_factory=set)
    _connections: dict[Lane, tuple[Link, Outbound]] = field(default_factory=dict)
    _stopping: bool = False

    async def run(self) -> None:
        """Send until cancelled; then let the exchanges in flight end."""
        self._stopping = False
        if self.runtime.db.is_sqlite:
            async with self.runtime.db.begin() as tx:
                await condition.release_all(tx)
        try:
            await poll(self.step, wake=self.runtime.db.committed, every=INTERVAL_SECONDS)
        finally:
            await self._drain()

    async def step(self) -> bool:
        """Start a task for each link that has something due and that nobody serves."""
        now = self.runtime.clock()
        async with self.runtime.db.read() as tx:
            due, late = await outbound.any_due(tx, now), await outbound.any_overdue(tx, now)
        if late:
            async with self.runtime.db.begin() as tx:
                await outcome.settle_overdue(tx, now=now)
        for row in await self._claimed() if due else []:
            serving = self._serve(row)
            self._tasks[row["id"]] = asyncio.create_task(serving, name=f"link:{row['id']}")
        return False

    async def idle(self) -> None:
        """Wait until no link is being served and every answer so far is recorded."""
        while busy := [*self._tasks.values(), *self._answers]:
            await asyncio.wait(busy)

    async def _claimed(self) -> list[RowMapping]:
        now = self.runtime.clock()
        free = tables.links.c.id.not_in(list(self._tasks))
        async with self.runtime.db.begin() as tx:
            return await claim(
                tx,
                tables.links,
                due=outbound.has_due(now) & free,
                order_by=(tables.links.c.id,),
                limit=MOST_LINKS,
                lease=self.lease,
                now=now,
            )

    async def _serve(self, row: RowMapping) -> None:
        """Send what is due over one link, so many at a time as it allows; then let it go."""
        serving = Serving(row["id"], row["lease_token"], self.us)
        dialect = links.as_link(row).dialect
        # In strict order another's answer would end the wait for a person.
        is_strict = row["circuit"] or dialect.nack == "hold-link"
        lanes = 1 if is_strict else dialect.in_flight
        one_at_a_time = asyncio.Lock()
        beating = asyncio.create_task(self._beat(serving), name=f"lease:{serving.link_id}")
        sending = [
            asyncio.create_task(
                self._send_all(serving, number, one_at_a_time),
                name=f"link:{serving.link_id}:{number}",  # where a fault test finds it
            )
            for number in range(lanes)
        ]
        try:
            ended = await asyncio.gather(*sending, return_exceptions=True)
        finally:
            beating.cancel()
            self._tasks.pop(serving.link_id, None)
        trouble = next((error for error in ended if error is not None), None)
        if trouble is not None:
            log.warning("link_failed", link=serving.link_id, exc_info=trouble)
            return
        async with self.runtime.db.begin() as tx:
            await condition.release(tx, serving.link_id, serving.token)

    async def _beat(self, serving: Serving) -> None:
        """Renew the lease until cancelled. A database that is away is told by the lanes."""
        while True:
            await asyncio.sleep(self.lease.total_seconds() / BEATS)
            try:
                async with self.runtime.db.begin() as tx:
                    until = self.runtime.clock() + self.lease
                    await condition.hold_on(tx, serving.link_id, serving.token, until)
            except Exception as error:  # noqa: BLE001 - the next beat may reach it again
                log.warning("lease_not_renewed", link=serving.link_id, reason=type(error).__name__)

    async def _send_all(self, serving: Serving, lane: int, choosing: asyncio.Lock) -> None:
        while not self._stopping and await self._send_next(serving, lane, choosing):
            pass

    async def _send_next(self, serving: Serving, lane: int, choosing: asyncio.Lock) -> bool:
        """Send one message, record what came of it; False when the link rests or is not ours."""
        async with choosing:
            chosen = await self._begin(serving)
        if chosen is None:
            return False
        due, attempt = chosen
        if attempt is None:
            return True
        row = attempt.row
        about = {"link": row["link_id"], "delivery_id": row["delivery_id"]}
        with tracing.span(
            "send message",
            kind=Kind.CLIENT,
            parent=row["traceparent"],
            attempt=row["attempts"],
            **about,
        ):
            connection = self._connection(due.link, lane)
            exchange = await connection.exchange(
                attempt.message, is_answer=lambda raw: is_answer_to(attempt.control_id, raw)
            )
            now = self.runtime.clock()
            async with self.runtime.db.begin() as tx:
                await outcome.record(tx, attempt, exchange, means=self._means(), now=now)
                link_id, until = serving.link_id, now + self.lease
                held = await condition.hold_on(tx, link_id, serving.token, until)
                return held and not await condition.is_resting(tx, link_id, now)

    async def _begin(self, serving: Serving) -> tuple[Due, Attempt | None] | None:
        """Choose and build the next message, and note the attempt before anything is sent."""
        now, sealer = self.runtime.clock(), self.runtime.sealer
        async with self.runtime.db.begin() as tx:
            due = await send.next_due(tx, serving, sealer=sealer, now=now)
        if due is None:
            return None
        try:
            message = await asyncio.to_thread(send.build, due)
        except SetAside as error:
            log.warning("message_unbuildable", link=due.link.id, code=error.code, reason=str(error))
            async with self.runtime.db.begin() as tx:
                await send.cannot_build(tx, due, error, now=now)
            return due, None
        async with self.runtime.db.begin() as tx:
            token = serving.token
            return due, await send.begin(tx, due, message, token, sealer=sealer, now=now)

    def _means(self) -> Means:
        return Means(self.runtime.sealer, self.jitter(), self.application_wait)

    def _connection(self, link: Link, lane: int) -> Outbound:
        """Return the lane's connection; a new one when the clinic moved its EMR."""
        known = self._connections.get((link.id, lane))
        if known is not None and _address(known[0]) == _address(link):
            return known[1]
        if known is not None:
            known[1].close()

        def unasked(raw: bytes) -> None:
            self._hear(link.id, raw)

        self._connections[link.id, lane] = (link, self.connect(link, unasked))
        return self._connections[link.id, lane][1]

    def _hear(self, link_id: str, raw: bytes) -> None:
        """Record what an application says after its CA; what is not about a message of ours is passed over."""
        hearing = asyncio.create_task(self._take(link_id, raw), name=f"answer:{link_id}")
        self._answers.add(hearing)
        hearing.add_done_callback(self._answers.discard)

    async def _take(self, link_id: str, raw: bytes) -> None:
        tracing.leave()  # the connection was made for another message
        try:
            async with self.runtime.db.begin() as tx:
                now, means = self.runtime.clock(), self._means()
                known = await acknowledge.take_answer(
                    tx, raw, link_id=link_id, means=means, now=now
                )
        except Exception as error:
            log.warning("application_answer_lost", link=link_id, exc_info=error)
            return
        if not known:
            log.warning("mllp_foreign_answer_ignored", link=link_id, size=len(raw))

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
        if self._answers:
            await asyncio.wait(self._answers)


def _address(link: Link) -> tuple[str | None, int | None, bool]:
    return link.host, link.port, link.dialect.tls
