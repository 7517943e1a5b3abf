"""Who looked at what, or changed it by hand, and why. Rows are only added, never changed.

For services whose tables hold the audit (`new_metadata(audited=True)`).
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import insert, select

from common.database import Transaction
from common.ids import new_id
from common.sealing import Sealer
from common.tables import audit

Row = dict[str, Any]


class AuditEntry(BaseModel):
    """One thing that somebody did, as it is read."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    at: AwareDatetime
    actor: str
    action: str = Field(examples=["message_revealed"])
    subject: str = Field(examples=["message:01955555-0000-7000-8000-000000000001"])
    client: str | None = Field(description="The address that the request came from")
    reason: str | None
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Looker:
    """Who looks, from where, and why, if they said."""

    actor: str
    reason: str | None = None
    client: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that somebody did: `action` in the past tense, `subject` as `kind:id`.

    `reason` is free text and is sealed: people write names into it. `detail` holds ids and codes.
    """

    actor: str
    action: str
    subject: str
    reason: str | None = None
    client: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)


async def note(tx: Transaction, entry: Entry, *, sealer: Sealer, now: datetime) -> UUID:
    """Keep an entry in the transaction of what it tells of; return its id."""
    entry_id = new_id()
    told = entry.reason
    sealed = sealer.seal_bytes(told.encode(), _context(entry_id)) if told is not None else None
    values = {
        "id": entry_id,
        "at": now,
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "client": entry.client,
        "reason": sealed,
        "detail": entry.detail,
    }
    await tx.execute(insert(audit).values(values))
    return entry_id


async def page(
    tx: Transaction,
    *,
    subject: str | None = None,
    actor: str | None = None,
    before: UUID | None = None,
    limit: int,
    sealer: Sealer,
) -> list[Row]:
    """Return entries, newest first, older than `before`, their reasons opened."""
    found = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if subject is not None:
        found = found.where(audit.c.subject == subject)
    if actor is not None:
        found = found.where(audit.c.actor == actor)
    if before is not None:
        found = found.where(audit.c.id < before)
    rows = (await tx.execute(found)).mappings()
    return [dict(row) | {"reason": _opened(row["id"], row["reason"], sealer)} for row in rows]


def _opened(entry_id: UUID, sealed: bytes | None, sealer: Sealer) -> str | None:
    if sealed is None:
        return None
    return sealer.unseal_bytes(sealed, _context(entry_id)).decode()


def _context(entry_id: UUID) -> str:
    return f"audit:{entry_id}"
