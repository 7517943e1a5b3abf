"""Statements that the driver is asked itself: part of the transaction, and their errors told as SQLAlchemy's."""

import asyncio

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from tests.common.test_rows import an_order, kept, metadata, orders

from common.postgresql import ask
from common.rows import insert_all, look_up, one_of
from common.verdicts import is_momentary, is_outage

CODES = select(orders.c.code, orders.c.sealed).where(one_of(orders.c.code, "codes", "postgresql"))


@pytest.fixture
async def db(make_database):
    return await make_database(metadata)


@pytest.fixture
def insert(db):
    async def insert(*rows, fails_with=None):
        async with db.begin() as tx:
            await tx.execute(text("SELECT 1"))  # then the driver is asked
            for row in rows:
                await insert_all(tx, (orders, [row]))
            if fails_with:
                raise fails_with

    return insert


async def test_what_the_driver_wrote_goes_with_the_transaction_that_fails(db, insert):
    """INVARIANT: all or nothing, whoever was asked."""
    with pytest.raises(LookupError):
        await insert(an_order(1), an_order(2), fails_with=LookupError())
    assert await kept(db, orders) == []


async def test_what_is_asked_first_goes_with_the_transaction_too(db):
    async with db.begin() as tx:
        await insert_all(tx, (orders, [an_order(1)]))
        await tx.rollback()
    assert await kept(db, orders) == []


async def test_all_that_is_asked_in_a_transaction_sees_what_it_wrote(db):
    wanted = {"codes": ["C1", "C2", "C3"]}
    async with db.begin() as tx:
        assert list(await look_up(tx, CODES, wanted)) == []
        await insert_all(tx, (orders, [an_order(1)]))
        await tx.execute(orders.insert(), [an_order(2)])
        found = sorted(map(tuple, await look_up(tx, CODES, wanted)))
    assert found == [("C1", b"\x00\x01\xff"), ("C2", b"\x00\x02\xff")]


async def test_a_look_up_is_planned_a_few_times_and_not_for_every_list(db):
    async with db.begin() as tx:
        await insert_all(tx, (orders, [an_order(n % 4, code=f"C{n}") for n in range(2000)]))
        await tx.execute(text("ANALYZE orders"))
    async with db.begin() as tx:
        for number in range(20):
            await look_up(tx, CODES, {"codes": [f"C{number}"]})
        plans = text(
            "SELECT max(generic_plans), max(custom_plans) FROM pg_prepared_statements"
            " WHERE statement LIKE 'SELECT orders.code%'"
        )
        generic, custom = (await tx.execute(plans)).one()
    assert generic > custom


async def test_a_key_that_is_there_already_is_an_integrity_error(insert):
    await insert(an_order(1))
    with pytest.raises(IntegrityError) as told:
        await insert(an_order(1))
    assert not is_outage(told.value)
    assert not is_momentary(told.value)


async def test_what_the_database_does_not_take_is_the_callers_fault(insert):
    with pytest.raises(DBAPIError) as told:
        await insert(an_order(1, code="C" * 7))
    assert not is_outage(told.value)


async def test_a_server_that_goes_in_the_middle_is_an_outage_and_the_next_transaction_works(
    db, insert
):
    async def ask_after_the_end():
        async with db.begin() as tx, db.begin() as other:
            pid = await tx.scalar(text("SELECT pg_backend_pid()"))
            await other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            await ask(tx, "SELECT 1", ())

    with pytest.raises(DBAPIError) as told:
        await ask_after_the_end()
    assert is_outage(told.value)
    await insert(an_order(1))
    assert len(await kept(db, orders)) == 1


async def test_whom_a_deadlock_ends_may_try_again(db):
    async with db.begin() as tx:
        await insert_all(tx, (orders, [an_order(1), an_order(2)]))
    both_have_one = asyncio.Barrier(2)
    lock = "SELECT code FROM orders WHERE code = $1 FOR UPDATE"

    async def take(first, second):
        async with db.begin() as tx:
            await ask(tx, lock, (first,))
            await both_have_one.wait()
            await ask(tx, lock, (second,))

    ends = await asyncio.gather(take("C1", "C2"), take("C2", "C1"), return_exceptions=True)
    [error] = filter(None, ends)
    assert is_momentary(error)
