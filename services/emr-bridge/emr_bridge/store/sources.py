"""The message that a referral came by: what our answers say of it is read there."""

from uuid import UUID

from sqlalchemy import RowMapping, select, update

from common.database import Transaction
from emr_bridge.store.tables import correlations, messages

ANSWERING = ("rri", "osu")
"""Profiles that answer the message itself; the others only carry its numbers."""


async def of_referral(tx: Transaction, referral_id: UUID) -> RowMapping | None:
    """Return the newest message that a referral came by; None when it came by another door."""
    columns = (messages.c.id, correlations.c.cancel_asked)
    joined = correlations.join(messages, correlations.c.message_id == messages.c.id)
    mine = select(*columns).select_from(joined).where(correlations.c.referral_id == referral_id)
    newest = mine.order_by(correlations.c.message_id.desc()).limit(1)
    return (await tx.execute(newest)).mappings().first()


async def sealed_bytes(tx: Transaction, message_id: UUID) -> bytes:
    """Return a message's sealed bytes."""
    found = select(messages.c.raw).where(messages.c.id == message_id)
    return bytes((await tx.execute(found)).scalar_one())


async def note_cancel_asked(tx: Transaction, referral_id: UUID) -> None:
    """Remember that the clinic asked to cancel: what we tell next may be the answer to it."""
    mine = correlations.c.referral_id == referral_id
    await tx.execute(update(correlations).where(mine).values(cancel_asked=True))
