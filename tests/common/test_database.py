import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError, StatementError
from tests.common.sample import effects, metadata, noted

from common.database import Database, Json, UtcDateTime, insert_new
from common.errors import Misconfigured
from common.tables import new_metadata
from common.worker import poll

times = MetaData()
moments = Table(
    "moments",
    times,
    Column("n", Integer, primary_key=True),
    Column("at", UtcDateTime),
    Column("told", Json),
)


@pytest.fixture
async def db(make_database):
    return await make_database(metadata)


async def test_twenty_transactions_that_read_and_then_write_all_succeed(db):
    """INVARIANT: a writer waits, it is not refused. Broken by a plain BEGIN (trap T3)."""
    async with db.begin() as tx:
        await tx.execute(insert(effects).values(n=1, what="0"))

    async def add_one() -> None:
        async with db.begin() as tx:
            was = (await tx.execute(select(effects.c.what))).scalar_one()
            await asyncio.sleep(0)
            await tx.execute(update(effects).values(what=str(int(was) + 1)))

    await asyncio.gather(*(add_one() for _ in range(20)))
    assert await noted(db) == ["20"]


async def test_two_processes_on_one_file_wait_for_each_other(db):
    other = Database(db.url)

    async def write(by: Database, what: str) -> None:
        for _ in range(10):
            async with by.begin() as tx:
                await tx.execute(select(effects))
                await tx.execute(insert(effects).values(what=what))

    await asyncio.gather(write(db, "a"), write(other, "b"))
    assert sorted(await noted(db)) == ["a"] * 10 + ["b"] * 10
    await other.close()


async def test_an_error_rolls_everything_back(db):
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is what rolls back
        async with db.begin() as tx:
            await tx.execute(insert(effects).values(what="x"))
            raise ZeroDivisionError
    assert await noted(db) == []


async def test_a_cancelled_transaction_rolls_back_and_frees_the_writer(db):
    entered = asyncio.Event()

    async def never_ends() -> None:
        async with db.begin() as tx:
            await tx.execute(insert(effects).values(what="x"))
            entered.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(never_ends())
    await entered.wait()
    task.cancel()
    await asyncio.wait([task])
    async with asyncio.timeout(2), db.begin() as tx:
        await tx.execute(insert(effects).values(what="y"))
    assert await noted(db) == ["y"]


async def test_a_reader_does_not_queue_behind_the_writer_and_sees_what_was_committed(db):
    async with db.begin() as tx:
        await tx.execute(insert(effects).values(what="x"))
        async with asyncio.timeout(1):
            assert await noted(db) == []
    assert await noted(db) == ["x"]


async def test_a_reader_cannot_write(db):
    with pytest.raises(OperationalError):
        async with db.read() as tx:
            await tx.execute(insert(effects).values(what="x"))


async def test_a_commit_wakes_and_a_rollback_does_not(db):
    waiting = asyncio.create_task(db.committed.wait(5))
    await asyncio.sleep(0)
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is what rolls back
        async with db.begin() as tx:
            await tx.execute(insert(effects).values(what="x"))
            raise ZeroDivisionError
    await asyncio.sleep(0.01)
    assert not waiting.done()
    async with db.begin() as tx:
        await tx.execute(insert(effects).values(what="x"))
    assert await waiting is True


async def test_a_transaction_that_wrote_nothing_wakes_nobody(db):
    """INVARIANT: idle workers sleep. Broken by waking on every commit: two that claim wake each other."""
    rounds = 0

    async def claim_nothing() -> bool:
        nonlocal rounds
        rounds += 1
        async with db.begin() as tx:
            await tx.execute(update(effects).values(what="y").returning(effects))
        return False

    loops = [
        asyncio.create_task(poll(claim_nothing, wake=db.committed, every=60)) for _ in range(3)
    ]
    await asyncio.sleep(0.3)
    assert rounds == 3
    for loop in loops:
        loop.cancel()
    await asyncio.wait(loops)


async def test_the_settings_of_sqlite_keep_what_was_committed(db):
    async with db.begin() as tx:
        told = [
            (await tx.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    assert told == ["wal", 2, 1, 30000]


async def test_times_come_back_aware_and_in_utc(make_database):
    db = await make_database(times)
    east = datetime(2026, 3, 2, 1, 30, 0, 5, tzinfo=timezone(timedelta(hours=5)))
    async with db.begin() as tx:
        await tx.execute(insert(moments).values(n=1, at=east, told={"a": [1]}))
        await tx.execute(insert(moments).values(n=2, at=None, told=None))
    async with db.read() as tx:
        first, second = (await tx.execute(select(moments).order_by(moments.c.n))).all()
    assert first.at == east
    assert first.at.tzinfo is UTC
    assert first.told == {"a": [1]}
    assert second.at is None


async def test_times_are_compared_as_times(make_database):
    db = await make_database(times)
    zone = timezone(timedelta(hours=-8))
    early, late = datetime(2026, 3, 2, 9, tzinfo=UTC), datetime(2026, 3, 2, 2, tzinfo=zone)
    async with db.begin() as tx:
        await tx.execute(insert(moments), [{"n": 1, "at": late}, {"n": 2, "at": early}])
        order = select(moments.c.n).order_by(moments.c.at)
        assert list((await tx.execute(order)).scalars()) == [2, 1]
        before = select(moments.c.n).where(moments.c.at < late)
        assert list((await tx.execute(before)).scalars()) == [2]


async def test_a_naive_time_is_refused(make_database):
    db = await make_database(times)
    with pytest.raises(StatementError, match="naive"):
        async with db.begin() as tx:
            await tx.execute(insert(moments).values(n=1, at=datetime(2026, 3, 2)))  # noqa: DTZ001


async def test_insert_new_passes_over_what_is_there(make_database):
    db = await make_database(times)
    async with db.begin() as tx:
        for _ in range(2):
            await tx.execute(insert_new(tx, moments).values(n=1))
        with pytest.raises(IntegrityError):
            await tx.execute(insert(moments).values(n=1))


async def test_a_url_without_a_driver_and_a_folder_that_is_missing_will_do(tmp_path):
    db = Database(f"sqlite:///{tmp_path / 'a' / 'b' / 'x.db'}")
    await db.ping()
    await db.close()
    assert (tmp_path / "a" / "b").stat().st_mode & 0o077 == 0


def test_postgresql_is_reached_by_its_async_driver():
    db = Database("postgresql://user:pw@localhost/x")
    assert db.url.startswith("postgresql+asyncpg://")
    assert db.dialect == "postgresql"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite+aiosqlite:///:memory:"])
def test_a_database_in_memory_is_refused(url):
    with pytest.raises(Misconfigured):
        Database(url)


def test_every_service_gets_its_own_copy_of_the_shared_tables():
    one, two = new_metadata(), new_metadata()
    assert set(one.tables) == {"outbox", "inbox", "dead_letters", "idempotency_keys"}
    assert one.tables["outbox"] is not two.tables["outbox"]
