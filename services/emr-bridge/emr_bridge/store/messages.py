"""Messages as they came in, each once, with the answer that was given."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, insert, select, update

from common.database import Transaction, insert_new
from emr_bridge.domain.message import State
from emr_bridge.store.tables import correlations, messages

MOST_PENDING = 100
MOST_BYTES = 32 * 1024 * 1024
"""What is read into memory at once."""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A row to be. `raw` is sealed; `dedup_key` says what may exist only once."""

    id: UUID
    dedup_key: str
    sha256: str
    raw: bytes
    size: int
    sender: str
    control_id: str
    message_type: str
    link_id: str | None
    clinic_id: str | None
    state: State
    reason: str | None
    ack: bytes
    received_at: datetime
    repairs: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Correlation:
    """What a message's sender calls order, patient and provider; the last two are sealed."""

    message_id: UUID
    clinic_id: str
    link_id: str
    placer: str
    patient_ids: bytes
    provider: bytes | None = None
    referral_id: UUID | None = None


async def add_all(tx: Transaction, rows: Sequence[NewMessage]) -> set[UUID]:
    """Keep those whose key is new, in their order; return the ids of the kept."""
    if not rows:
        return set()
    kept = insert_new(tx, messages).returning(messages.c.id)
    return set(await tx.scalars(kept, [_values(row) for row in rows]))


async def kept_answers(tx: Transaction, keys: Sequence[str]) -> dict[str, tuple[str, bytes]]:
    """Return the hash and the answer of what is kept under each key; count the repeats."""
    mine = messages.c.dedup_key.in_(keys)
    counted = messages.c.duplicates + 1
    again = update(messages).where(mine).values(duplicates=counted)
    columns = (messages.c.dedup_key, messages.c.sha256, messages.c.ack)
    rows = await tx.execute(again.returning(*columns))
    return {row.dedup_key: (row.sha256, row.ack) for row in rows}


async def pending(tx: Transaction) -> list[RowMapping]:
    """Return the oldest messages that were not read yet: at least one, not more than fit."""
    waiting = messages.c.state == State.RECEIVED
    sizes = select(messages.c.id, messages.c.size).where(waiting)
    oldest = (await tx.execute(sizes.order_by(messages.c.id).limit(MOST_PENDING))).all()
    total = accumulate(row.size for row in oldest)
    ids = [row.id for row, size in zip(oldest, total, strict=True) if size <= MOST_BYTES]
    chosen = ids or [row.id for row in oldest[:1]]
    rows = await tx.execute(
        select(messages).where(messages.c.id.in_(chosen)).order_by(messages.c.id)
    )
    return list(rows.mappings())


async def finish(tx: Transaction, message_id: UUID, values: dict[str, Any]) -> bool:
    """Record what a message became; False when another worker had done so before."""
    mine = (messages.c.id == message_id) & (messages.c.state == State.RECEIVED)
    written = await tx.execute(update(messages).where(mine).values(values))
    return written.rowcount == 1


async def correlate(tx: Transaction, correlation: Correlation, *, now: datetime) -> None:
    """Remember the sender's own numbers, to be echoed in what we send later."""
    values = {name: getattr(correlation, name) for name in correlation.__slots__}
    await tx.execute(insert(correlations).values(values | {"created_at": now}))


async def attach_referral(tx: Transaction, message_id: UUID, referral_id: UUID) -> None:
    """Remember which referral a message became."""
    mine = correlations.c.message_id == message_id
    await tx.execute(update(correlations).where(mine).values(referral_id=referral_id))


async def correlation_of(tx: Transaction, referral_id: UUID) -> Correlation | None:
    """Return the newest message's numbers for a referral."""
    mine = select(correlations).where(correlations.c.referral_id == referral_id)
    rows = await tx.execute(mine.order_by(correlations.c.message_id.desc()).limit(1))
    row = rows.mappings().first()
    names = Correlation.__slots__
    return Correlation(**{name: row[name] for name in names}) if row else None


def _values(row: NewMessage) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__slots__} | {"duplicates": 0}
