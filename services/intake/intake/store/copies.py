"""Rows of what another service owns: written when it tells of them, and over again when it tells more."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table
from sqlalchemy.dialects import postgresql, sqlite

from common.database import Transaction

Put = Mapping[str, postgresql.Insert | sqlite.Insert]
"""What writes a row, or over the one with its id, by dialect."""

MayFollow = Callable[[Any], ColumnElement[bool]]
"""Whether a row, by its columns, may take the place of the one that is there."""


def put_of(table: Table, may_follow: MayFollow | None = None) -> Put:
    """Return the statements that write to a table; without `may_follow` the latest word counts."""
    return {
        "postgresql": _put(postgresql.insert(table), table, may_follow),
        "sqlite": _put(sqlite.insert(table), table, may_follow),
    }


def _put(new: Any, table: Table, may_follow: MayFollow | None) -> Any:
    key = list(table.primary_key)
    said = {column.name: new.excluded[column.name] for column in table.c if column not in key}
    where = may_follow(new.excluded) if may_follow else None
    return new.on_conflict_do_update(index_elements=key, set_=said, where=where)


async def put_all(tx: Transaction, put: Put, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows one after the other, all with all columns."""
    if rows:
        await tx.execute(put[tx.dialect.name], rows)
