"""Transactions that share a COMMIT: each still its own, and none told before the disk has it."""

import asyncio
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from tests.common.sample import effects, metadata, noted

from common import sqlite_driver
from common.database import Database
from common.verdicts import is_momentary, is_outage


@pytest.fixture
async def db(tmp_path):
    db = Database(f"sqlite:///{tmp_path / 'x.db'}")
    await db.create_all(metadata)
    yield db
    await db.close()


async def write(db: Database, what: str) -> None:
    async with db.begin() as tx:
        await tx.execute(insert(effects).values(what=what))


async def traced(db: Database) -> list[str]:
    """Have SQLite tell every statement that it runs from now on."""
    statements: list[str] = []
    async with db.begin() as tx:
        file: Any = (await tx.get_raw_connection()).driver_connection
        file.raw.set_trace_callback(statements.append)
    statements.clear()
    return statements


async def test_transactions_that_come_at_once_share_a_commit(db):
    statements = await traced(db)
    await asyncio.gather(*(write(db, str(n)) for n in range(32)))
    assert await noted(db) == [str(n) for n in range(32)]
    assert statements.count("COMMIT") <= 2


async def test_a_lone_transaction_is_committed_at_once(db):
    statements = await traced(db)
    for n in range(3):
        await write(db, str(n))
    assert statements.count("COMMIT") == 3


async def test_one_that_fails_takes_only_itself_back(db):
    """INVARIANT: a transaction's failure is its own, whoever shares its commit."""

    async def fail(error: Exception) -> None:
        async with db.begin() as tx:
            await tx.execute(insert(effects).values(what="half"))
            raise error

    async def break_a_rule() -> None:
        async with db.begin() as tx:
            await tx.execute(insert(effects).values(what="half"))
            await tx.execute(insert(effects).values(what=None))

    told = await asyncio.gather(
        write(db, "0"),
        fail(ZeroDivisionError()),
        write(db, "1"),
        break_a_rule(),
        write(db, "2"),
        fail(KeyError()),
        return_exceptions=True,
    )
    assert [type(one) for one in told[1::2]] == [ZeroDivisionError, IntegrityError, KeyError]
    assert not any(told[::2])
    assert await noted(db) == ["0", "1", "2"]


async def test_nobody_is_told_before_the_file_has_it(db):
    """INVARIANT: what a transaction answered for is committed. Broken by answering at the savepoint's end."""
    other = sqlite3.connect(Path(db.url.removeprefix("sqlite+aiosqlite:///")))
    seen: list[bool] = []

    async def check(what: str) -> None:
        await write(db, what)
        found = other.execute("SELECT 1 FROM effects WHERE what = ?", (what,)).fetchone()
        seen.append(found is not None)

    await asyncio.gather(*(check(str(n)) for n in range(40)))
    other.close()
    assert seen == [True] * 40


async def test_one_that_is_cancelled_does_not_keep_the_others(db):
    entered = asyncio.Event()

    async def never_ends() -> None:
        async with db.begin() as tx:
            await tx.execute(insert(effects).values(what="never"))
            entered.set()
            await asyncio.Event().wait()

    stuck = asyncio.create_task(never_ends())
    await entered.wait()
    others = [asyncio.create_task(write(db, str(n))) for n in range(5)]
    await asyncio.sleep(0)
    others[2].cancel()
    stuck.cancel()
    await asyncio.wait([stuck, *others], timeout=5)
    assert [task.cancelled() for task in others] == [False, False, True, False, False]
    assert await noted(db) == ["0", "1", "3", "4"]


async def test_one_that_is_cancelled_while_the_disk_is_awaited_is_kept_or_not_but_never_half(db):
    tasks = [asyncio.create_task(write(db, str(n))) for n in range(20)]
    await asyncio.sleep(0.001)
    for task in tasks[::3]:
        task.cancel()
    await asyncio.wait(tasks, timeout=5)
    there = await noted(db)
    assert len(there) == len(set(there))
    assert {str(n) for n in range(20) if n % 3} <= set(there)
    await write(db, "after")
    assert (await noted(db))[-1] == "after"


async def test_a_file_that_another_process_has_is_waited_for_and_the_loop_goes_on(db):
    other = sqlite3.connect(Path(db.url.removeprefix("sqlite+aiosqlite:///")), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    writing = [asyncio.create_task(write(db, str(n))) for n in range(3)]
    await asyncio.sleep(0.2)
    assert time.monotonic() - began < 2
    assert not any(task.done() for task in writing)
    other.execute("ROLLBACK")
    await asyncio.wait_for(asyncio.gather(*writing), 5)
    other.close()
    assert await noted(db) == ["0", "1", "2"]


async def test_one_that_is_cancelled_while_it_waits_for_the_file_leaves_it_free(db):
    other = sqlite3.connect(Path(db.url.removeprefix("sqlite+aiosqlite:///")), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(write(db, "never"))
    await asyncio.sleep(0.1)
    writing.cancel()
    await asyncio.wait([writing])
    other.execute("ROLLBACK")
    await asyncio.wait_for(write(db, "after"), 5)
    other.close()
    assert await noted(db) == ["after"]


async def test_when_the_disk_is_full_all_who_wrote_are_told_and_the_next_can_write(db):
    async with db.begin() as tx:
        pages = (await tx.execute(text("PRAGMA page_count"))).scalar_one()
        await tx.execute(text(f"PRAGMA max_page_count = {pages + 2}"))

    async def too_much() -> None:
        async with db.begin() as tx:
            await tx.execute(text("INSERT INTO effects (what) VALUES (hex(randomblob(60000)))"))

    told = await asyncio.gather(
        write(db, "before"), too_much(), write(db, "behind"), return_exceptions=True
    )
    assert isinstance(told[1], OperationalError)
    for what, one in zip(("before", "behind"), told[::2], strict=True):
        assert (what in await noted(db)) == (one is None)
        assert one is None or isinstance(one, DBAPIError)
    await write(db, "after")
    assert (await noted(db))[-1] == "after"


async def test_a_reader_that_is_cancelled_while_it_connects_leaves_nothing_open(tmp_path):
    """INVARIANT: no connection is left to the collector, whenever its task was cancelled."""
    for steps in range(12):
        db = Database(f"sqlite:///{tmp_path / f'{steps}.db'}")
        reading = asyncio.create_task(db.ping())
        for _ in range(steps):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
        await db.close()
        async with asyncio.timeout(5):
            while f"sqlite:{steps}.db" in names_of_threads():  # noqa: ASYNC110 - a thread ends
                await asyncio.sleep(0.01)


async def test_a_scan_does_not_hold_the_loop_and_is_read_to_its_end(db):
    numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500000) "
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.005)

    ticking = asyncio.create_task(tick())
    async with db.read() as tx:
        before = (await tx.execute(text("SELECT count(*) FROM effects"))).scalar_one()
        counted = (await tx.execute(text(f"{numbers} SELECT count(*) FROM n"))).scalar_one()
        await write(db, "meanwhile")
        after = (await tx.execute(text("SELECT count(*) FROM effects"))).scalar_one()
    ticking.cancel()
    assert counted == 1_500_000
    assert ticks > 5
    assert before == after, "a scan that was broken off ended the reader's snapshot"


def names_of_threads() -> set[str]:
    return {one.name for one in threading.enumerate()}


async def test_a_file_that_another_process_never_gives_back_is_an_outage(db, monkeypatch):
    other = sqlite3.connect(Path(db.url.removeprefix("sqlite+aiosqlite:///")), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(sqlite_driver, "PATIENCE_MILLISECONDS", 50)
    with pytest.raises(OperationalError, match="locked") as told:
        await write(db, "never")
    assert is_outage(told.value) or is_momentary(told.value)
    other.close()
    await write(db, "after")
    assert await noted(db) == ["after"]
