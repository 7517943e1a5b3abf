"""Keyed hashes of the numbers in messages, by which they are searched."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select

from common.database import Transaction, insert_new
from emr_bridge.store.tables import correlations, message_keys, messages, outbound

Key = tuple[UUID, str, str]
"""A message's id, the kind of number, its hash."""


async def add(tx: Transaction, rows: Sequence[Key]) -> None:
    """Keep hashes; what is kept already stays."""
    if rows:
        names = ("message_id", "kind", "hash")
        await tx.execute(
            insert_new(tx, message_keys), [dict(zip(names, row, strict=True)) for row in rows]
        )


async def of_message(tx: Transaction, message_id: UUID, kind: str) -> list[str]:
    """Return a message's hashes of one kind."""
    mine = (message_keys.c.message_id == message_id) & (message_keys.c.kind == kind)
    return list(await tx.scalars(select(message_keys.c.hash).where(mine)))


def received_with(kind: str, digest: str) -> ColumnElement[bool]:
    """Return the condition for received messages that have such a number."""
    return messages.c.id.in_(_with(kind, digest))


def sent_for(kind: str, digest: str) -> ColumnElement[bool]:
    """Return the condition for sent messages of a referral that came with such a number."""
    about = correlations.c.message_id.in_(_with(kind, digest))
    return outbound.c.referral_id.in_(select(correlations.c.referral_id).where(about))


def _with(kind: str, digest: str) -> Select[tuple[UUID]]:
    found = (message_keys.c.kind == kind) & (message_keys.c.hash == digest)
    return select(message_keys.c.message_id).where(found)
