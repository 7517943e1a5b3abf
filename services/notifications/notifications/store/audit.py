"""Who read patient data, and why. Rows are only added, never changed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, insert

from common.database import Transaction
from common.ids import new_id
from common.sealing import Sealer
from notifications.store import listing
from notifications.store.tables import audit


@dataclass(frozen=True, slots=True)
class Looker:
    """Who looks, from where, and why, if they said."""

    actor: str
    reason: str | None = None
    client: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that somebody did: `action` in the past tense, `subject` as `kind:id`.

    The reason is free text and is sealed: people write names into it. `detail` holds ids and codes.
    """

    who: Looker
    action: str
    subject: str
    detail: dict[str, Any] = field(default_factory=dict)


async def note(tx: Transaction, entry: Entry, *, sealer: Sealer, now: datetime) -> UUID:
    """Keep an entry in the transaction of what it tells of; return its id."""
    entry_id, told = new_id(), entry.who.reason
    sealed = sealer.seal_bytes(told.encode(), _context(entry_id)) if told is not None else None
    values = {
        "id": entry_id,
        "at": now,
        "actor": entry.who.actor,
        "action": entry.action,
        "subject": entry.subject,
        "client": entry.who.client,
        "reason": sealed,
        "detail": entry.detail,
    }
    await tx.execute(insert(audit).values(values))
    return entry_id


async def page(
    tx: Transaction, where: dict[str, Any], *, cursor: str | None, limit: int
) -> listing.Page:
    """Return entries, newest first; their reasons are still sealed."""
    return await listing.page(tx, audit, where, cursor=cursor, limit=limit)


def opened(rows: Sequence[RowMapping], *, sealer: Sealer) -> list[dict[str, Any]]:
    """Return entries with their reasons opened."""
    return [dict(row) | {"reason": _reason(row, sealer)} for row in rows]


def _reason(row: RowMapping, sealer: Sealer) -> str | None:
    sealed = row["reason"]
    return sealer.unseal_bytes(sealed, _context(row["id"])).decode() if sealed else None


def _context(entry_id: UUID) -> str:
    return f"notifications.audit:{entry_id}:reason"
