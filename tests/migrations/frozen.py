"""Rows as an older version left them, and how they are put into a database of either engine."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Integer, LargeBinary, Text, Uuid, column, func, select, table, text
from sqlalchemy.sql.expression import TableClause
from sqlalchemy.types import TypeEngine

from common.database import Database, Json, Transaction, UtcDateTime

SAMPLES = Path(__file__).parent / "samples"
KINDS: dict[str, TypeEngine[Any]] = {
    "uuid": Uuid(),
    "time": UtcDateTime(),
    "bytes": LargeBinary(),
    "json": Json,
    "bool": Boolean(),
    "int": Integer(),
    "text": Text(),
}


@dataclass(frozen=True)
class Frozen:
    """One service's rows at the end of one life of the system."""

    life: str
    service: str

    @property
    def content(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(
            (SAMPLES / self.life / f"{self.service}.json").read_text()
        )
        return content

    @property
    def revision(self) -> str:
        """How far its service had come."""
        return str(self.content["revision"])

    @property
    def at(self) -> datetime:
        """When the plug was pulled."""
        return datetime.fromisoformat(self.content["at"])

    async def put(self, db: Database) -> None:
        """Insert every row, as a version that knows no newer column does."""
        async with db.begin() as tx:
            for one, rows in self.tables():
                await tx.execute(one.insert(), rows)
            if not db.is_sqlite:
                await _count_on(tx)

    async def left(self, db: Database) -> dict[str, list[dict[str, Any]]]:
        """Return the rows of each table as they are now, in the columns of then."""
        found = {}
        async with db.read() as tx:
            for one, rows in self.tables():
                now = (await tx.execute(select(*one.columns))).mappings()
                found[one.name] = in_order(dict(row) for row in now)
                assert len(found[one.name]) >= len(rows)
        return found

    def tables(self) -> list[tuple[TableClause, list[dict[str, Any]]]]:
        """Return each table by the columns that it had, with its rows; whom others refer to comes first."""
        read = []
        for name, told in self.content["tables"].items():
            kinds = told["columns"]
            one = table(name, *(column(c, KINDS[kind]) for c, kind in kinds.items()))
            rows = [
                {c: value_of(v, kinds[c]) for c, v in zip(kinds, row, strict=True)}
                for row in told["rows"]
            ]
            read.append((one, rows))
        return read

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Return the rows of each table."""
        return {one.name: in_order(rows) for one, rows in self.tables()}


LIVES = sorted(path.name for path in SAMPLES.iterdir())
EVERYTHING = [
    Frozen(life, service) for life in LIVES for service in ("intake", "emr-bridge", "notifications")
]


def value_of(value: Any, kind: str) -> Any:
    """Return what a column of a kind takes for a value in the file."""
    if value is None:
        return None
    readers: dict[str, Callable[[Any], Any]] = {
        "uuid": UUID,
        "time": lambda at: datetime.fromisoformat(at).replace(tzinfo=UTC),
        "bytes": base64.b64decode,
    }
    return readers.get(kind, lambda same: same)(value)


def in_order(rows: Any) -> list[dict[str, Any]]:
    """Return rows in an order of their own."""
    return sorted(rows, key=repr)


async def _count_on(tx: Transaction) -> None:
    """Have PostgreSQL count on from the highest key, as it does where it gave them itself."""
    counted: Sequence[Any] = (
        await tx.execute(
            text(
                "SELECT table_name, column_name FROM information_schema.columns "
                "WHERE table_schema = 'public' AND column_default LIKE 'nextval%'"
            )
        )
    ).all()
    for name, key in counted:
        highest = await tx.scalar(select(func.max(column(key))).select_from(table(name)))
        if highest is not None:
            sequence = func.pg_get_serial_sequence(name, key)
            await tx.execute(select(func.setval(sequence, highest)))
