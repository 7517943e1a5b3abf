import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import insert, select
from tests.common.sample import NOON, jobs, metadata

from common.claims import claim, write_held
from common.errors import ConcurrentUpdate
from common.ids import new_id

LEASE = timedelta(seconds=30)


@pytest.fixture
async def db(make_database):
    db = await make_database(metadata)
    async with db.begin() as tx:
        rows = [{"id": new_id(), "state": "due", "rank": rank} for rank in range(20)]
        await tx.execute(insert(jobs), rows)
    return db


async def take(db, *, limit=5, now=NOON):
    async with db.begin() as tx:
        due = jobs.c.state == "due"
        order = [jobs.c.rank]
        return await claim(tx, jobs, due=due, order_by=order, limit=limit, lease=LEASE, now=now)


async def state_of(db, row):
    async with db.read() as tx:
        return (await tx.execute(select(jobs).where(jobs.c.id == row["id"]))).mappings().one()


async def test_workers_never_hold_the_same_row(db):
    """INVARIANT: one holder per row. Broken by selecting before updating."""
    batches = await asyncio.gather(*(take(db, limit=3) for _ in range(10)))
    held = [row["id"] for batch in batches for row in batch]
    assert len(held) == len(set(held)) == 20


async def test_rows_come_in_the_order_asked_for_and_not_more_than_the_limit(db):
    assert [row["rank"] for row in await take(db)] == [0, 1, 2, 3, 4]
    assert [row["rank"] for row in await take(db, limit=1)] == [5]


async def test_a_row_that_is_not_due_is_not_claimed(db):
    (row,) = await take(db, limit=1)
    async with db.begin() as tx:
        await write_held(tx, jobs, row, {"state": "done"})
    later = NOON + LEASE * 2
    assert len(await take(db, limit=99, now=later)) == 19


async def test_a_held_row_is_free_again_when_its_lease_has_run_out(db):
    await take(db, limit=99)
    assert not await take(db, now=NOON + LEASE)
    assert len(await take(db, now=NOON + LEASE + timedelta(microseconds=1))) == 5


async def test_a_lease_taken_by_a_clock_that_ran_hours_ahead_is_free_once_the_clock_is_right(db):
    """INVARIANT: no lease lasts longer than two of its kind. Broken by comparing with its end alone."""
    (ahead,) = await take(db, limit=1, now=NOON + timedelta(hours=5))
    (right,) = await take(db, limit=1)
    assert right["id"] == ahead["id"]
    with pytest.raises(ConcurrentUpdate):
        async with db.begin() as tx:
            await write_held(tx, jobs, ahead, {"state": "done"})


async def test_a_lease_taken_by_a_replica_whose_clock_is_a_lease_ahead_is_respected(db):
    (ahead,) = await take(db, limit=1, now=NOON + LEASE)
    assert ahead["id"] not in {row["id"] for row in await take(db, limit=99)}


async def test_a_worker_whose_lease_was_taken_over_writes_nothing(db):
    """INVARIANT: a stale token matches no row. Broken by writing by id alone."""
    (slow,) = await take(db, limit=1)
    (fast,) = await take(db, limit=1, now=NOON + LEASE * 2)
    assert slow["id"] == fast["id"]
    with pytest.raises(ConcurrentUpdate):
        async with db.begin() as tx:
            await write_held(tx, jobs, slow, {"state": "done"})
    assert (await state_of(db, slow))["state"] == "due"
    async with db.begin() as tx:
        await write_held(tx, jobs, fast, {"state": "done"})


async def test_a_write_lets_the_row_go_unless_told_to_keep_it(db):
    (row,) = await take(db, limit=1)
    async with db.begin() as tx:
        await write_held(tx, jobs, row, {"state": "due"}, keep=True)
    assert (await state_of(db, row))["lease_token"] == row["lease_token"]
    async with db.begin() as tx:
        await write_held(tx, jobs, row, {"state": "due"})
    told = await state_of(db, row)
    assert (told["lease_token"], told["leased_until"]) == (None, None)
    with pytest.raises(ConcurrentUpdate):
        async with db.begin() as tx:
            await write_held(tx, jobs, row, {"state": "done"})


async def test_nothing_due_is_nothing_claimed(make_database):
    assert await take(await make_database(metadata)) == []


def test_postgresql_skips_what_others_hold_and_chooses_once():
    from sqlalchemy import update
    from sqlalchemy.dialects import postgresql

    once = select(jobs.c.id).limit(3).with_for_update(skip_locked=True).cte("chosen")
    told = update(jobs).where(jobs.c.id.in_(select(once.c.id))).values(rank=1)
    text = str(told.compile(dialect=postgresql.dialect()))
    assert text.startswith("WITH chosen AS")
    assert "SKIP LOCKED" in text
