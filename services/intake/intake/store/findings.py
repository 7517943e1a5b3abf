"""Findings of a referral: open until a later check no longer makes them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, select, update

from common.database import Transaction
from common.ids import new_id
from common.rows import Rows, insert_all
from intake.domain.findings import Finding
from intake.store.tables import findings as table


@dataclass(frozen=True, slots=True)
class KeptFinding:
    """A finding, when it was made and when it was settled."""

    finding: Finding
    found_at: datetime
    settled_at: datetime | None


async def of(tx: Transaction, referral_id: UUID) -> list[KeptFinding]:
    """Return every finding ever made, in the order in which they were made."""
    query = select(table).where(table.c.referral_id == referral_id)
    rows = (await tx.execute(query.order_by(table.c.found_at, table.c.id))).mappings()
    return [KeptFinding(_finding(row), row["found_at"], row["settled_at"]) for row in rows]


async def still_open(tx: Transaction, referral_id: UUID) -> tuple[Finding, ...]:
    """Return the findings that are not settled."""
    return tuple(f.finding for f in await of(tx, referral_id) if f.settled_at is None)


async def add(
    tx: Transaction, referral_id: UUID, findings: Iterable[Finding], *, now: datetime
) -> None:
    """Keep findings that were made now."""
    await insert_all(tx, rows_of([(referral_id, finding) for finding in findings], now=now))


def rows_of(made: Sequence[tuple[UUID, Finding]], *, now: datetime) -> Rows:
    """Return the rows of findings that were made now, each of a referral."""
    return table, [
        {
            "id": new_id(),
            "referral_id": referral_id,
            "code": finding.code,
            "pointer": finding.pointer,
            "question": finding.question,
            "blocking": finding.blocking,
            "related": finding.related,
            "found_at": now,
        }
        for referral_id, finding in made
    ]


async def settle(
    tx: Transaction, referral_id: UUID, findings: Iterable[Finding], *, now: datetime
) -> None:
    """Mark findings as settled."""
    for finding in findings:
        same = (table.c.code == finding.code) & (table.c.pointer == finding.pointer)
        mine = (table.c.referral_id == referral_id) & table.c.settled_at.is_(None)
        await tx.execute(update(table).where(same & mine).values(settled_at=now))


def _finding(row: RowMapping) -> Finding:
    return Finding(row["code"], row["pointer"], row["question"], row["blocking"], row["related"])
