"""Forgets, once an hour, what is kept only to recognise repeats, when no repeat can come any more."""

import asyncio
from datetime import datetime, timedelta

from sqlalchemy import delete

from common.database import Transaction
from common.service import Runtime
from common.tables import idempotency_keys, inbox

INBOX = timedelta(days=90)
"""Longer than the log keeps a record that a group has not committed."""

ANSWERS = timedelta(days=7)
"""How long a request may be repeated under its Idempotency-Key."""

EVERY = timedelta(hours=1)


async def forget(tx: Transaction, *, now: datetime) -> None:
    """Delete handled event ids and kept answers that are past their time."""
    await tx.execute(delete(inbox).where(inbox.c.handled_at < now - INBOX))
    await tx.execute(delete(idempotency_keys).where(idempotency_keys.c.created_at < now - ANSWERS))


async def keep_house(runtime: Runtime) -> None:
    """Forget now and every hour, until cancelled."""
    while True:
        async with runtime.db.begin() as tx:
            await forget(tx, now=runtime.clock())
        await asyncio.sleep(EVERY.total_seconds())
