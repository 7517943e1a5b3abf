"""Lists of referrals, a page at a time, in the order of their last change."""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, and_, or_, select

from common.database import Transaction
from common.errors import FieldError, Invalid
from intake.store.tables import external_ids
from intake.store.tables import referrals as table

COLUMNS = [
    "id",
    "code",
    "clinic_id",
    "status",
    "reason",
    "waiting_on",
    "respond_by",
    "version",
    "completeness",
    "door",
    "received_at",
    "created_at",
    "updated_at",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What is asked for; None does not narrow."""

    clinic_id: str | None = None
    status: str | None = None
    waiting_on: str | None = None
    updated_after: datetime | None = None
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row of a page: the next one begins beyond it."""

    updated_at: datetime
    id: UUID

    def text(self) -> str:
        """Return the cursor as callers see it: opaque."""
        plain = f"{self.updated_at.isoformat()}|{self.id}".encode()
        return base64.urlsafe_b64encode(plain).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """Return the cursor again; Invalid for a text that was not given by us."""
        try:
            plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
            updated_at, _, identifier = plain.partition("|")
            return cls(_aware(updated_at), UUID(identifier))
        except (ValueError, OverflowError) as error:
            fault = FieldError("", "cursor: use the one from `next`")
            raise Invalid("the cursor cannot be used", errors=[fault]) from error


def _aware(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a cursor's time has a zone")
    return moment.astimezone(UTC)


async def page(
    tx: Transaction, asked: Filter, *, after: Cursor | None, limit: int
) -> list[RowMapping]:
    """Return up to `limit` rows beyond the cursor. A row that changes meanwhile comes again, later."""
    query = select(*(table.c[name] for name in COLUMNS)).where(*_conditions(asked))
    if after is not None:
        query = query.where(_beyond(after))
    query = query.order_by(table.c.updated_at, table.c.id).limit(limit)
    return list((await tx.execute(query)).mappings())


def _beyond(after: Cursor) -> ColumnElement[bool]:
    same = and_(table.c.updated_at == after.updated_at, table.c.id > after.id)
    return or_(table.c.updated_at > after.updated_at, same)


def _conditions(asked: Filter) -> list[ColumnElement[bool]]:
    named: dict[str, Any] = {
        "clinic_id": asked.clinic_id,
        "status": asked.status,
        "waiting_on": asked.waiting_on,
    }
    conditions = [table.c[name] == value for name, value in named.items() if value is not None]
    if asked.updated_after is not None:
        conditions.append(table.c.updated_at > asked.updated_after)
    if asked.external_id is not None:
        mine = external_ids.c.value == asked.external_id.strip()
        conditions.append(table.c.id.in_(select(external_ids.c.referral_id).where(mine)))
    return conditions
