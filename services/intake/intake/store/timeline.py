"""What happened to a referral, in order. Rows are only ever added."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from common.database import Transaction
from common.rows import Rows, insert_all
from common.sealing import Sealer
from intake.store import sealed
from intake.store.tables import timeline as table


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened: who, what, when. `facts` are codes and ids; `note` is people's words."""

    occurred_at: datetime
    recorded_at: datetime
    actor: str
    what: str
    from_status: str | None = None
    to_status: str | None = None
    reason: str | None = None
    source_message_id: UUID | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    note: str | None = None


async def append(tx: Transaction, sealer: Sealer, referral_id: UUID, entry: Entry) -> None:
    """Add an entry at the end."""
    await append_all(tx, sealer, [(referral_id, entry)])


async def append_all(
    tx: Transaction, sealer: Sealer, entries: Sequence[tuple[UUID, Entry]]
) -> None:
    """Add entries of several referrals, in this order, in one statement."""
    await insert_all(tx, rows_of(sealer, entries))


def rows_of(sealer: Sealer, entries: Sequence[tuple[UUID, Entry]]) -> Rows:
    """Return the rows of entries, in this order."""
    return table, [_row(sealer, referral_id, entry) for referral_id, entry in entries]


def _row(sealer: Sealer, referral_id: UUID, entry: Entry) -> dict[str, Any]:
    return {
        "referral_id": referral_id,
        "occurred_at": entry.occurred_at,
        "recorded_at": entry.recorded_at,
        "actor": entry.actor,
        "what": entry.what,
        "from_status": entry.from_status,
        "to_status": entry.to_status,
        "reason": entry.reason,
        "source_message_id": entry.source_message_id,
        "facts": entry.facts,
        "note": sealed.close_text(sealer, entry.note, _context(referral_id)),
    }


async def of(tx: Transaction, sealer: Sealer, referral_id: UUID) -> list[Entry]:
    """Return everything that happened, the oldest first."""
    query = select(table).where(table.c.referral_id == referral_id).order_by(table.c.position)
    return [
        Entry(
            occurred_at=row["occurred_at"],
            recorded_at=row["recorded_at"],
            actor=row["actor"],
            what=row["what"],
            from_status=row["from_status"],
            to_status=row["to_status"],
            reason=row["reason"],
            source_message_id=row["source_message_id"],
            facts=row["facts"],
            note=sealed.open_text(sealer, row["note"], _context(referral_id)),
        )
        for row in (await tx.execute(query)).mappings()
    ]


def _context(referral_id: UUID) -> str:
    return f"timeline:{referral_id}"
