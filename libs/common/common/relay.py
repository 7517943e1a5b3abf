"""Brings a service's outbox to the log: in any number of replicas, one at a time, in the order of the rows.

On PostgreSQL the turn is an advisory lock of the session on a connection of the relay's own: the
server takes it back when the process dies. It is asked for every second and not waited for: a
waiting statement would hold a snapshot, and with it every dead row of the outbox, from vacuum.

Who commits events wakes the relay of its own process; where that one has not the turn, it sends a
NOTIFY to the one that has. It does so after the commit and outside it, and what comes meanwhile
shares the next one. In the transaction itself it would cost the sender, who waits for the commit,
a round trip (a quarter of the rate, measured), and PostgreSQL commits NOTIFYs one at a time in the
whole cluster (half of the rate of 32 clients, with fsync). A NOTIFY that is lost costs a second,
never an event.

Should two relays ever publish at once (a network that was cut, not a process), each still goes
through the rows in order and the readers pass over what they have seen: order per subject holds.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from common import gauges
from common.clock import utc_now
from common.database import Database
from common.errors import Retry
from common.eventlog.port import EventLog
from common.postgresql import connect_args
from common.publishing import BATCH, Observe, PostgresqlRows, Publisher, Rows, sqlite_rows
from common.service import Service
from common.worker import Worker, poll

log = structlog.get_logger()

EVERY_SECONDS = 1.0
"""How often it looks without being woken, and asks for its turn: the net under the wake-up."""

ANSWER_SECONDS = 10.0
"""How long the server may take to show that it is there, and the turn still ours."""

CHANNEL = "outbox"
TURN = int.from_bytes(b"outbox", "big")
"""The advisory lock; like the channel it is known within one database, which is one service's."""

OWN_SESSION = {
    "application_name": "relay",
    "idle_session_timeout": "0",
    "synchronous_commit": "off",
}
"""A machine that vanished without a word gives its turn back nevertheless (common.postgresql).

Nobody waits for the disk to have what is forgotten: it forgets what the log has, and a server that
remembers it after a crash has it published twice, as after any crash.
"""


def relay_of(service: Service) -> Worker:
    """Return the loop that brings a service's outbox to the log, whenever it is its turn."""
    observe = gauges.publishing(service.name, service.runtime.clock)
    take = _watch if service.runtime.db.is_sqlite else _take_turns
    return Worker("relay", lambda: take(service, observe))


async def publish_the_rest(service: Service) -> None:
    """Bring what is left to the log, unless another replica has the turn and does so."""
    async with _opened(service.runtime.db) as (rows, session):
        if session is None or await _has_turn(session):
            publisher = _publisher(service, rows)
            while await publisher.step():
                pass


async def drain(
    db: Database,
    log: EventLog,
    *,
    batch: int = BATCH,
    observe: Observe | None = None,
) -> bool:
    """Publish the oldest unpublished events, then forget them; return whether there may be more.

    `observe` is told when the events that are in the log now were written.
    """
    async with _opened(db) as (rows, _):
        publisher = Publisher(rows, db, log, utc_now, "relay", observe, batch)
        more = await publisher.has_more()
        await publisher.forget()
    return more


def _publisher(service: Service, rows: Rows, observe: Observe | None = None) -> Publisher:
    given = service.runtime
    return Publisher(rows, given.db, given.log, given.clock, service.name, observe)


async def _watch(service: Service, observe: Observe) -> None:
    """Publish what is committed to a file, for ever."""
    db = service.runtime.db
    async with _opened(db) as (rows, _):
        publisher = _publisher(service, rows, observe)
        await poll(publisher.has_more, wake=db.told, every=EVERY_SECONDS, rest=0)


async def _take_turns(service: Service, observe: Observe) -> None:
    """Wait for the turn, then publish until the connection that holds it is lost (Retry)."""
    db = service.runtime.db
    async with _opened(db) as (rows, session):
        seen = db.told.count
        while not await _has_turn(session):
            if await db.told.wait(EVERY_SECONDS, since=seen):
                seen = db.told.count
                await session.execute(f"NOTIFY {CHANNEL}")
        await session.add_listener(CHANNEL, lambda *_: db.told.notify())
        log.info("relay_has_turn")
        publisher = _publisher(service, rows, observe)
        while not session.is_closed():
            seen = db.told.count
            if await publisher.step():
                continue
            if not await db.told.wait(EVERY_SECONDS, since=seen):
                await session.execute("SELECT 1", timeout=ANSWER_SECONDS)
    raise Retry("the relay lost the connection that held its turn")


@asynccontextmanager
async def _opened(db: Database) -> AsyncGenerator[tuple[Rows, Any]]:
    """Open the outbox, and the session that can have the turn where it takes one."""
    if db.is_sqlite:
        async with sqlite_rows(db) as rows:
            yield rows, None
    else:
        async with _session(db) as session:
            yield PostgresqlRows(session), session


async def _has_turn(session: Any) -> bool:
    return bool(await session.fetchval("SELECT pg_try_advisory_lock($1)", TURN))


@asynccontextmanager
async def _session(db: Database) -> AsyncGenerator[Any]:
    """Open a connection of asyncpg's that is nobody else's; closing it gives the turn back."""
    engine = create_async_engine(
        make_url(db.url),
        poolclass=NullPool,
        connect_args=connect_args(**OWN_SESSION),
        isolation_level="AUTOCOMMIT",
    )
    async with engine.connect() as connection:
        session: Any = (await connection.get_raw_connection()).driver_connection
        session.add_termination_listener(lambda *_: db.told.notify())
        yield session
