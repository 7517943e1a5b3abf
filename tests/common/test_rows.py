"""Rows of several tables written together, and lists that are looked for, on both engines."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Uuid,
    select,
)
from sqlalchemy.exc import IntegrityError, StatementError

from common.database import AutoId, Database, Json, UtcDateTime
from common.ids import new_id
from common.rows import add_new, insert_all, look_up, one_of, take_out

metadata = MetaData()
orders = Table(
    "orders",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("code", String(6), nullable=False, unique=True),
    Column("at", UtcDateTime),
    Column("facts", Json),
    Column("sealed", LargeBinary),
    Column("urgent", Boolean),
    Column("note", String(10)),
)
lines = Table(
    "lines",
    metadata,
    Column("position", AutoId, primary_key=True, autoincrement=True),
    Column("order_id", Uuid, ForeignKey("orders.id"), nullable=False),
    Column("number", Integer, nullable=False),
)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
VALUES = ({"a": [1, 2]}, [1, [2, 3]], None, "text")
"""JSON that arrays of arrays could be taken for, too."""


@pytest.fixture
async def db(make_database):
    return await make_database(metadata)


def an_order(number: int, **changes):
    facts = {"id": new_id(), "code": f"C{number}", "at": NOON, "facts": VALUES[number % 4]}
    sealed = bytes([0, number, 255])
    return facts | {"sealed": sealed, "urgent": number % 2 == 0, "note": None} | changes


def lines_of(many):
    return [{"order_id": one["id"], "number": n} for n in range(3) for one in many]


async def kept(db: Database, table: Table):
    async with db.read() as tx:
        rows = await tx.execute(select(table).order_by(*table.primary_key))
        return [dict(row) for row in rows.mappings()]


async def test_rows_come_back_as_they_were_given(db):
    given = [an_order(number) for number in range(8)]
    async with db.begin() as tx:
        await insert_all(tx, (orders, given))
    assert await kept(db, orders) == given


async def test_rows_that_refer_to_rows_beside_them_are_counted_up_in_their_order(db):
    """INVARIANT: a timeline's and an outbox's positions are the order in which it was told."""
    given = [an_order(number) for number in range(40)]
    wanted = lines_of(given)
    async with db.begin() as tx:
        await insert_all(tx, (orders, given), (lines, wanted))
    found = await kept(db, lines)
    assert [{"order_id": row["order_id"], "number": row["number"]} for row in found] == wanted


async def test_a_table_without_rows_is_passed_over(db):
    async with db.begin() as tx:
        await insert_all(tx)
        await insert_all(tx, (orders, []), (lines, []))
        await insert_all(tx, (orders, [an_order(1)]), (lines, []))
    assert len(await kept(db, orders)) == 1


@pytest.mark.parametrize(
    "bad",
    [
        {"code": "C1"},
        {"code": None},
    ],
)
async def test_one_row_that_is_refused_takes_its_neighbours_back(db, bad):
    """INVARIANT: each is whole, or none is there."""
    given = [an_order(1), an_order(2, **bad)]
    with pytest.raises(IntegrityError):
        async with db.begin() as tx:
            await insert_all(tx, (orders, given), (lines, lines_of(given)))
    assert await kept(db, orders) == await kept(db, lines) == []


async def test_rows_that_are_there_already_are_passed_over_where_that_is_asked_for(db):
    given = [an_order(number) for number in range(3)]
    async with db.begin() as tx:
        await insert_all(tx, (orders, given[:2]))
    async with db.begin() as tx:
        again = [one | {"note": "again"} for one in given]
        await insert_all(tx, (lines, lines_of(given[:2])), (orders, again), only_new=[orders])
    assert await kept(db, orders) == [*given[:2], again[2]]
    assert len(await kept(db, lines)) == 6
    with pytest.raises(IntegrityError):
        async with db.begin() as tx:
            await insert_all(tx, (orders, given))


async def test_a_time_without_its_zone_is_refused(db):
    with pytest.raises((ValueError, StatementError)):
        async with db.begin() as tx:
            await insert_all(tx, (orders, [an_order(1, at=NOON.replace(tzinfo=None))]))
    assert await kept(db, orders) == []


async def test_whoever_waits_for_rows_is_woken_when_they_are_committed(db):
    before = db.committed.count
    async with db.begin() as tx:
        await insert_all(tx, (orders, [an_order(1)]))
        assert db.committed.count == before
    assert db.committed.count == before + 1


async def test_a_list_finds_what_is_in_it(db):
    async with db.begin() as tx:
        await insert_all(tx, (orders, [an_order(number) for number in range(5)]))
    query = select(orders.c.code).where(one_of(orders.c.code, "codes", db.dialect))
    for wanted in (["C1", "C4", "nowhere"], ['"', "'", "{C1}"], []):
        async with db.read() as tx:
            found = set(await tx.scalars(query, {"codes": wanted}))
        assert found == set(wanted) & {"C1", "C4"}


async def test_of_rows_that_may_be_there_the_keys_of_the_new_ones_are_told(db):
    """INVARIANT: an event has its effect once."""
    there, new, twin = an_order(1), an_order(2), an_order(3, code="C2")
    async with db.begin() as tx:
        assert await add_new(tx, (orders, [there]), "id") == {there["id"]}
    async with db.begin() as tx:
        assert await add_new(tx, (orders, [there, new, twin]), "id") == {new["id"]}
        assert await add_new(tx, (orders, []), "id") == set()
    assert await kept(db, orders) == [there, new]


async def test_who_waits_for_rows_is_woken_by_new_ones_alone(db):
    one = an_order(1)
    async with db.begin() as tx:
        await add_new(tx, (orders, [one]), "id")
    assert db.committed.count == 1
    async with db.begin() as tx:
        await add_new(tx, (orders, [one]), "id")
    assert db.committed.count == 1


async def test_lists_are_looked_up_in_a_transaction_as_beside_it(db):
    given = [an_order(number) for number in range(3)]
    query = select(orders.c.code).where(one_of(orders.c.code, "codes", db.dialect))
    wanted = {"codes": ["C0", "C2", "C9"]}
    async with db.begin() as tx:
        await insert_all(tx, (orders, given))
        within = await look_up(tx, query, wanted)
    async with db.read() as tx:
        beside = await look_up(tx, query, wanted)
    assert sorted(code for (code,) in within) == ["C0", "C2"] == sorted(code for (code,) in beside)


async def test_rows_are_taken_out_once_with_what_they_held(db):
    many = [an_order(number) for number in range(4)]
    ids = [one["id"] for one in many]
    async with db.begin() as tx:
        await insert_all(tx, (orders, many))
    async with db.begin() as tx:
        (first,) = await take_out(tx, orders, "id", ids[:1], ["id", "code", "at", "urgent", "note"])
        assert first == {name: many[0][name] for name in ("id", "code", "at", "urgent", "note")}
    async with db.begin() as tx:
        assert {row["id"] for row in await take_out(tx, orders, "id", ids[:3], ["id"])} == set(
            ids[1:3]
        )
        assert await take_out(tx, orders, "id", [], ["id"]) == []
    async with db.read() as tx:
        assert list(await tx.scalars(select(orders.c.id))) == ids[3:]
