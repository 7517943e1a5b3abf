"""Keyed hashes of the numbers in messages, by which they are searched."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select

from common.database import Transaction
from common.rows import Rows
from emr_bridge.store.tables import correlations, message_keys, outbound, readings

Key = tuple[UUID, str, str]
"""A message's id, the kind of number, its hash."""

TABLES = (message_keys,)


def rows_of(found: Sequence[Key]) -> Rows:
    """Return hashes as rows; those of a message that is read again are there already."""
    names = ("message_id", "kind", "hash")
    return message_keys, [dict(zip(names, key, strict=True)) for key in found]


async def of_message(tx: Transaction, message_id: UUID, kind: str) -> list[str]:
    """Return a message's hashes of one kind."""
    mine = (message_keys.c.message_id == message_id) & (message_keys.c.kind == kind)
    return list(await tx.scalars(select(message_keys.c.hash).where(mine)))


def received_with(kind: str, digest: str) -> ColumnElement[bool]:
    """Return the condition for received messages that have such a number."""
    return readings.c.message_id.in_(_with(kind, digest))


def sent_for(kind: str, digest: str) -> ColumnElement[bool]:
    """Return the condition for sent messages of a referral that came with such a number."""
    about = correlations.c.message_id.in_(_with(kind, digest))
    return outbound.c.referral_id.in_(select(correlations.c.referral_id).where(about))


def _with(kind: str, digest: str) -> Select[tuple[UUID]]:
    found = (message_keys.c.kind == kind) & (message_keys.c.hash == digest)
    return select(message_keys.c.message_id).where(found)
