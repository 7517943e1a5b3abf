"""What only several connections, or a server that stops, can show."""

import asyncio
import os
import subprocess
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # no py.typed in the wheel
import pytest
from sqlalchemy import Column, MetaData, Table, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from tests.common.sample import (
    NOON,
    TOPIC,
    count,
    effects,
    happened,
    jobs,
    metadata,
    note,
    noted,
    tell,
)
from tests.servers.postgresql import LocalServer
from tests.servers.provider import could_not_run

from common import inbox, relay, tables
from common.claims import claim, write_held
from common.consumer import Consumer
from common.database import Database, Json, UtcDateTime
from common.eventlog.sqlite import SqliteEventLog
from common.events.emr import MessageReceived
from common.ids import new_id

INIT = Path(__file__).resolve().parents[3] / "deploy" / "postgres" / "init.sql"
LEASE = timedelta(seconds=30)

values = MetaData()
kept = Table("kept", values, Column("at", UtcDateTime), Column("told", Json))


@pytest.fixture
async def db(make_database):
    return await make_database(metadata)


async def claim_some(tx, limit):
    due, order = jobs.c.state == "due", [jobs.c.rank]
    return await claim(tx, jobs, due=due, order_by=order, limit=limit, lease=LEASE, now=NOON)


async def fill(db, number):
    async with db.begin() as tx:
        rows = [{"id": new_id(), "state": "due", "rank": rank} for rank in range(number)]
        await tx.execute(insert(jobs), rows)


async def test_a_worker_passes_over_the_rows_that_another_is_claiming_at_this_moment(db):
    """INVARIANT: workers do not queue behind each other. Broken by FOR UPDATE without SKIP LOCKED."""
    await fill(db, 6)
    async with db.begin() as first:
        mine = await claim_some(first, 3)
        async with asyncio.timeout(5), db.begin() as second:
            theirs = await claim_some(second, 6)
    assert [row["rank"] for row in mine] == [0, 1, 2]
    assert [row["rank"] for row in theirs] == [3, 4, 5]


async def test_two_workers_in_two_processes_do_every_job_once(db):
    await fill(db, 60)
    other = Database(db.url)
    done: list[int] = []

    async def work(by: Database) -> None:
        while True:
            async with by.begin() as tx:
                rows = await claim_some(tx, 4)
            if not rows:
                return
            for row in rows:
                done.append(row["rank"])
                async with by.begin() as tx:
                    await write_held(tx, jobs, row, {"state": "done"})

    await asyncio.gather(*(work(by) for by in (db, other, db, other)))
    await other.close()
    assert sorted(done) == list(range(60))


async def test_an_event_that_two_members_handle_at_once_has_one_effect(db):
    """INVARIANT: the second waits for the first to commit and then sees that it was first."""
    event_id = new_id()

    async def handle() -> bool:
        async with db.begin() as tx:
            new = await inbox.first_sight(tx, {event_id: TOPIC}, now=NOON)
            await asyncio.sleep(0.05)
            return bool(new)

    assert sorted(await asyncio.gather(*(handle() for _ in range(5)))) == [False] * 4 + [True]


async def test_a_row_that_is_locked_to_be_changed_is_changed_by_one_after_the_other(db):
    async with db.begin() as tx:
        await tx.execute(insert(effects).values(n=1, what="0"))

    async def add_one() -> None:
        async with db.begin() as tx:
            was = (await tx.execute(select(effects.c.what).with_for_update())).scalar_one()
            await tx.execute(update(effects).values(what=str(int(was) + 1)))

    await asyncio.gather(*(add_one() for _ in range(20)))
    assert await noted(db) == ["20"]


async def test_times_and_documents_come_back_as_they_were(make_database):
    db = await make_database(values)
    at = datetime(2026, 3, 8, 2, 30, 0, 123456, tzinfo=timezone(timedelta(hours=-5)))
    told = {"a": [1, None, "ü"], "b": {"c": True}}
    async with db.begin() as tx:
        await tx.execute(text("SET LOCAL TIME ZONE 'America/New_York'"))
        await tx.execute(insert(kept).values(at=at, told=told))
    async with db.read() as tx:
        row = (await tx.execute(select(kept))).one()
        inside = (await tx.execute(text("SELECT told #>> '{b,c}' FROM kept"))).scalar_one()
    assert (row.at, row.at.tzinfo, row.told, inside) == (at, UTC, told, "true")


async def test_a_reading_connection_refuses_to_write_and_is_fit_for_writing_afterwards(db):
    with pytest.raises(DBAPIError, match="read-only"):
        async with db.read() as tx:
            await tx.execute(insert(effects).values(what="x"))
    for _ in range(10):
        async with db.begin() as tx:
            await tx.execute(insert(effects).values(what="x"))
    assert len(await noted(db)) == 10


async def test_a_consumer_lives_through_a_stop_of_the_database_and_sets_nothing_aside(
    db, postgresql, tmp_path, clock
):
    """INVARIANT: an outage of the database is nobody's fault but the database's."""
    if postgresql.local is None:
        could_not_run("the server of TEST_POSTGRESQL_URL is not ours to stop")
    log = SqliteEventLog(tmp_path / "log.db")
    await tell(db, *(happened(str(n)) for n in range(60)))
    while await relay.drain(db, log, batch=20):
        pass

    async def slowly(tx, event, now):
        await note(tx, event, now)
        await asyncio.sleep(0.02)

    consumer = Consumer("g", [TOPIC], {MessageReceived: slowly}, db, clock)
    running = asyncio.create_task(consumer.run(log))
    await asyncio.sleep(0.3)
    postgresql.local.kill()
    await asyncio.sleep(0.5)
    postgresql.local.start()
    async with asyncio.timeout(20):
        while await handled(db) < 60:
            assert not running.done()
            await asyncio.sleep(0.1)
    running.cancel()
    await asyncio.wait([running])
    await log.close()
    assert await noted(db) == [str(n) for n in range(60)]
    assert await count(db, tables.dead_letters) == 0


async def handled(db) -> int:
    try:
        return await count(db, effects)
    except (DBAPIError, OSError):
        return 0


async def test_each_service_gets_a_database_that_the_others_cannot_enter(postgresql):
    if postgresql.local is None or not (postgresql.local.binaries / "psql").exists():
        could_not_run("init.sql needs psql and a server that is ours")
    for _ in range(2):
        await asyncio.to_thread(run_init, postgresql.local)
    own, others = (
        postgresql.url_of(name).replace("+asyncpg", "") for name in ("intake", "emr_bridge")
    )
    connection = await asyncpg.connect(own, user="intake")
    await connection.execute("CREATE TABLE mine (n int)")
    await connection.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(others, user="intake")


def run_init(server: LocalServer) -> None:
    names = ("INTAKE", "EMR_BRIDGE", "NOTIFICATIONS")
    passwords = {f"{name}_DATABASE_PASSWORD": "it's secret" for name in names}
    psql = [str(server.binaries / "psql"), "-qX", "-v", "ON_ERROR_STOP=1", "-f", str(INIT)]
    where = ["-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres"]
    env = {**os.environ, **passwords}
    done = subprocess.run([*psql, *where], check=False, env=env, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
