"""Pages of rows, newest first, behind a cursor that callers cannot read anything into."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Table, select

from common.database import Transaction
from common.errors import FieldError, Invalid


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, and the cursor of the next page if there is one."""

    rows: Sequence[RowMapping]
    next: str | None


async def page(
    tx: Transaction, table: Table, where: dict[str, Any], *, cursor: str | None, limit: int
) -> Page:
    """Return the rows whose columns equal the given values (None: any), newest first."""
    query = select(table).order_by(table.c.id.desc()).limit(limit + 1)
    for name, value in where.items():
        if value is not None:
            query = query.where(table.c[name] == value)
    if cursor is not None:
        query = query.where(table.c.id < read_cursor(cursor))
    rows = (await tx.execute(query)).mappings().all()
    more = len(rows) > limit
    return Page(rows[:limit], cursor_of(rows[limit - 1]["id"]) if more else None)


def cursor_of(last: UUID) -> str:
    """Return the cursor that goes on after a row."""
    return base64.urlsafe_b64encode(last.bytes).decode().rstrip("=")


def read_cursor(cursor: str) -> UUID:
    """Return the row that a cursor goes on after; Invalid for one that was not given by us."""
    try:
        return UUID(bytes=base64.urlsafe_b64decode(cursor + "=="))
    except (ValueError, binascii.Error) as error:
        raise Invalid(
            "the cursor is not one of ours", errors=[FieldError("/cursor", "is not one of ours")]
        ) from error
