"""Messages as they came in, each once, with the answer that was given; and their senders' own numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, insert, select, update

from common.database import Transaction, insert_new
from common.rows import Rows
from emr_bridge.domain.message import State
from emr_bridge.store.tables import correlations, messages, unread


class NewMessage(NamedTuple):
    """A row to be, and what was decided of it. `raw` is sealed; `dedup_key` says what may exist only once."""

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
    traceparent: str | None


DOOR = ("state", "reason")
"""What of a row to be is kept beside it, in `unread`: it holds until the message is read."""


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
    cancel_asked: bool = False
    """The clinic has asked to cancel the referral since."""


async def add_all(tx: Transaction, rows: Sequence[NewMessage]) -> set[UUID]:
    """Keep those whose key is new, in their order; return the ids of the kept."""
    if not rows:
        return set()
    new = insert_new(tx, messages).returning(messages.c.id)
    kept = set(await tx.scalars(new, [_values(row) for row in rows]))
    if kept:
        await tx.execute(insert(unread), [_at_door(row) for row in rows if row.id in kept])
    return kept


async def kept_answers(tx: Transaction, keys: Sequence[str]) -> dict[str, tuple[str, bytes]]:
    """Return the hash and the answer of what is kept under each key; count the repeats."""
    mine = messages.c.dedup_key.in_(keys)
    counted = messages.c.duplicates + 1
    again = update(messages).where(mine).values(duplicates=counted)
    columns = (messages.c.dedup_key, messages.c.sha256, messages.c.ack)
    rows = await tx.execute(again.returning(*columns))
    return {row.dedup_key: (row.sha256, row.ack) for row in rows}


def correlated(found: Sequence[Correlation], *, now: datetime) -> Rows:
    """Return as rows the senders' own numbers, to be echoed in what we send later."""
    names = Correlation.__slots__
    rows = [{name: getattr(one, name) for name in names} | {"created_at": now} for one in found]
    return correlations, rows


ATTACH = (
    update(correlations)
    .where(correlations.c.message_id == bindparam("message"))
    .values(referral_id=bindparam("referral"))
)


async def attach_referrals(tx: Transaction, became: Sequence[tuple[UUID, UUID]]) -> None:
    """Remember which referrals messages became (message, referral)."""
    if became:
        await tx.execute(ATTACH, [{"message": one, "referral": other} for one, other in became])


async def correlation_of(tx: Transaction, referral_id: UUID) -> Correlation | None:
    """Return the newest message's numbers for a referral."""
    mine = select(correlations).where(correlations.c.referral_id == referral_id)
    rows = await tx.execute(mine.order_by(correlations.c.message_id.desc()).limit(1))
    row = rows.mappings().first()
    names = Correlation.__slots__
    return Correlation(**{name: row[name] for name in names}) if row else None


def _values(row: NewMessage) -> dict[str, Any]:
    values = row._asdict()
    return {name: value for name, value in values.items() if name not in DOOR}


def _at_door(row: NewMessage) -> dict[str, Any]:
    return {"message_id": row.id} | {name: getattr(row, name) for name in DOOR}
