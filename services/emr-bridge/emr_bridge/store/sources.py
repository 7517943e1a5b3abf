"""The message that a referral came by: what our answers say of it is read there."""

from uuid import UUID

from sqlalchemy import select, update

from common.database import Transaction
from emr_bridge.store.tables import correlations, messages

ANSWERING = ("rri", "osu")
"""Profiles that answer the message itself; the others only carry its numbers."""


async def sealed_bytes(tx: Transaction, message_id: UUID) -> bytes:
    """Return a message's sealed bytes."""
    found = select(messages.c.raw).where(messages.c.id == message_id)
    return bytes((await tx.execute(found)).scalar_one())


async def note_cancel_asked(tx: Transaction, referral_id: UUID) -> None:
    """Remember that the clinic asked to cancel: what we tell next may be the answer to it."""
    mine = correlations.c.referral_id == referral_id
    await tx.execute(update(correlations).where(mine).values(cancel_asked=True))
