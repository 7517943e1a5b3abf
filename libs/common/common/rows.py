"""Many rows in few round trips: inserts into several tables at once, look-ups by lists. Knows no table.

A small transaction is mostly round trips, and SQLAlchemy spends more on a statement than a database
does. So this speaks SQL to the driver, and no text here depends on how many rows there are.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from pydantic_core import to_json
from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    CompoundSelect,
    Dialect,
    Select,
    String,
    Table,
    Text,
    any_,
    bindparam,
    cast,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite

from common import postgresql, sqlite_dialect
from common.database import Transaction, count_written

Rows = tuple[Table, Sequence[Mapping[str, Any]]]
"""Rows of a table; all name the same columns."""

Query = Select[*tuple[Any, ...]] | CompoundSelect[*tuple[Any, ...]]
Shape = tuple[tuple[Table, tuple[str, ...], bool], ...]
Bind = Callable[[Any], Any] | None


def _json(value: Any) -> str:
    """Write JSON, in a sixth of the time that the standard library takes."""
    return to_json(value).decode()


ASYNCPG = PGDialect_asyncpg(json_serializer=_json)  # type: ignore[no-untyped-call]  # as SQLAlchemy has it
SQLITE = SQLiteDialect_aiosqlite()


async def insert_all(tx: Transaction, *parts: Rows, only_new: Collection[Table] = ()) -> None:
    """Insert rows, each table's in their order; a table may refer to one before it.

    Of the tables `only_new`, rows that are there already (any unique key) are passed over.
    """
    given = [(table, rows) for table, rows in parts if rows]
    if not given:
        return
    if tx.dialect.name == "postgresql":
        statement, arrays = _at_once(given, only_new)
        await postgresql.ask(tx, statement, arrays)
        count_written(tx, sum(len(rows) for _, rows in given))
        return
    for table, rows in given:
        statement, bound = _one_by_one(table, rows, only_new=table in only_new)
        sqlite_dialect.ask_each(tx, statement, bound)


async def add_new(tx: Transaction, rows: Rows, key: str) -> set[Any]:
    """Insert rows of which some are there already (any unique key); return the keys of the others."""
    table, given = rows
    if not given:
        return set()
    if tx.dialect.name == "postgresql":
        statement, arrays = _at_once([rows], only_new=[table])
        new = await postgresql.ask(tx, f"{statement} RETURNING {key}", arrays)
        count_written(tx, len(new))
        return {one for (one,) in new}
    statement, bound = _one_by_one(table, given, only_new=True)
    ask = partial(sqlite_dialect.ask, tx, f"{statement} RETURNING 1")
    return {row[key] for row, values in zip(given, bound, strict=True) if ask(values)}


async def take_out(
    tx: Transaction, table: Table, key: str, these: Collection[Any], told: Sequence[str]
) -> list[dict[str, Any]]:
    """Delete the rows of these keys; return of each what it `told`. One that is gone is passed over."""
    if tx.dialect.name == "postgresql":
        statement, _, _ = _deleting(table, key, tuple(told), tx.dialect.name)
        found = await postgresql.ask(tx, statement, [list(these)])
        count_written(tx, len(found))
        return [dict(zip(told, row, strict=True)) for row in found]
    statement, bind, results = _deleting(table, key, tuple(told), tx.dialect.name)
    keys = [one if bind is None else bind(one) for one in these]
    return [
        {n: v if read is None else read(v) for n, v, read in zip(told, row, results, strict=True)}
        for row in sqlite_dialect.ask(tx, statement, [json.dumps(keys)])
    ]


@lru_cache(maxsize=64)
def _deleting(
    table: Table, key: str, told: tuple[str, ...], dialect: str
) -> tuple[str, Bind, Sequence[Bind]]:
    """Return what deletes rows, how a key is bound on SQLite, and how what is told is read there."""
    given = "IN (SELECT value FROM json_each(?))"
    if dialect == "postgresql":
        given = f"= ANY($1::{element_of(table.c[key])}[])"
    statement = f"DELETE FROM {table.name} WHERE {key} {given} RETURNING {', '.join(told)}"  # noqa: S608 - ours
    ((_, bind),) = for_sqlite(table, [key])
    types = [table.c[name].type.dialect_impl(SQLITE) for name in told]
    return statement, bind, [kind.result_processor(SQLITE, None) for kind in types]


async def look_up(
    tx: Transaction, query: Query, given: Mapping[str, Any]
) -> Sequence[Sequence[Any]]:
    """Return the rows of a query for what is bound under its names: texts and bytes, as the driver has them.

    The query is made once per dialect, for it is compiled once.
    """
    if tx.dialect.name == "postgresql":
        statement, names = _compiled(query, ASYNCPG)
        return await postgresql.ask(tx, statement, [given[name] for name in names])
    if not sqlite_dialect.is_writer(tx):
        return (await tx.execute(query, given)).all()
    statement, names = _compiled(query, SQLITE)
    values = (given[name] for name in names)
    bound = [json.dumps(value) if isinstance(value, list) else value for value in values]
    return sqlite_dialect.ask(tx, statement, bound)


@lru_cache(maxsize=64)
def _compiled(query: Query, dialect: Dialect) -> tuple[str, Sequence[str]]:
    compiled = query.compile(dialect=dialect)
    return str(compiled), compiled.positiontup or ()


def one_of(column: ColumnElement[str], name: str, dialect: str) -> ColumnElement[bool]:
    """Return whether a text is in the list that is bound under a name.

    PostgreSQL makes a plan anew, which took most of a look-up's time, as long as it finds that a plan
    for the very list is cheaper than one for any: so the list's length is hidden from it by a SELECT.
    """
    if dialect == "postgresql":
        texts = ARRAY(Text, dimensions=1)
        given = select(bindparam(name, type_=texts)).scalar_subquery()
        return column == any_(cast(given, texts))
    each = func.json_each(bindparam(name, type_=JSON)).table_valued("value")
    return column.in_(select(each.c.value))


def _at_once(given: Sequence[Rows], only_new: Collection[Table]) -> tuple[str, list[list[Any]]]:
    """Return what inserts into several tables from an array per column, and the arrays."""
    shape = tuple((table, tuple(rows[0]), table in only_new) for table, rows in given)
    statement, binds = _statement(shape)
    columns = [(rows, name) for _, rows in given for name in rows[0]]
    arrays = [
        [row[name] for row in rows] if bind is None else [bind(row[name]) for row in rows]
        for (rows, name), bind in zip(columns, binds, strict=True)
    ]
    return statement, arrays


def _one_by_one(
    table: Table, rows: Sequence[Mapping[str, Any]], *, only_new: bool
) -> tuple[str, list[tuple[Any, ...]]]:
    """Return what inserts a row into a file, where a statement costs no round trip, and what is bound for each."""
    statement, columns = _statement_of_one(table, tuple(rows[0]), only_new=only_new)
    bound = [
        tuple([row[name] if bind is None else bind(row[name]) for name, bind in columns])
        for row in rows
    ]
    return statement, bound


@lru_cache(maxsize=64)
def _statement_of_one(
    table: Table, names: tuple[str, ...], *, only_new: bool
) -> tuple[str, Sequence[tuple[str, Bind]]]:
    """Return what inserts one row, and by column how its value is bound."""
    places = ", ".join("?" * len(names))
    into = f"{table.name} ({', '.join(names)})"
    statement = f"INSERT INTO {into} VALUES ({places}){_unless_there(only_new)}"  # noqa: S608 - ours
    return statement, for_sqlite(table, names)


def for_sqlite(table: Table, names: Sequence[str]) -> list[tuple[str, Bind]]:
    """Return by column what makes of its values what SQLite takes; None where they are taken as they are."""
    types = [table.c[name].type.dialect_impl(SQLITE) for name in names]
    return [(name, kind.bind_processor(SQLITE)) for name, kind in zip(names, types, strict=True)]


@lru_cache(maxsize=64)
def _statement(shape: Shape) -> tuple[str, Sequence[Bind]]:
    """Return what inserts from an array per column, and how each column's values are bound.

    What refers to another table is checked when all are written: at the end of the statement.
    """
    inserts, binds = list[str](), list[Bind]()
    for table, names, only_new in shape:
        columns = [table.c[name] for name in names]
        arrays = [f"${len(binds) + n}::{element_of(c)}[]" for n, c in enumerate(columns, start=1)]
        into = f"{table.name} ({', '.join(names)})"
        rows = f"SELECT * FROM unnest({', '.join(arrays)})"  # noqa: S608 - ours
        inserts.append(f"INSERT INTO {into} {rows}{_unless_there(only_new)}")
        binds += [column.type.dialect_impl(ASYNCPG).bind_processor(ASYNCPG) for column in columns]
    *before, last = inserts
    beside = [f"into_{n} AS ({one})" for n, one in enumerate(before)]
    return f"WITH {', '.join(beside)} {last}" if beside else last, binds


def _unless_there(only_new: bool) -> str:  # noqa: FBT001 - the one thing that it is asked
    return " ON CONFLICT DO NOTHING" if only_new else ""


def element_of(column: Column[Any]) -> str:
    """Return PostgreSQL's type of a column as a parameter: a cast to VARCHAR(n) would cut off what is too long."""
    is_text = isinstance(column.type, String)
    return "TEXT" if is_text else column.type.compile(ASYNCPG)
