"""Events of clinics that are not known yet: topics do not wait for each other."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, insert, select

from common.database import Transaction
from common.events import registry
from common.events.referral import ReferralEvent
from common.ids import new_id
from notifications.store.tables import clinics, early_events


async def keep(
    tx: Transaction, event: ReferralEvent, traceparent: str | None, *, now: datetime
) -> None:
    """Keep an event, with the trace that it came in, until its clinic is known."""
    row: dict[str, Any] = {
        "id": new_id(),
        "clinic_id": event.clinic_id,
        "event_type": event.type,
        "event": event.model_dump(mode="json"),
        "created_at": now,
        "traceparent": traceparent,
    }
    await tx.execute(insert(early_events).values(row))


async def take(tx: Transaction, clinic_id: str) -> Sequence[tuple[ReferralEvent, str | None]]:
    """Return the events that waited for a clinic with their traces, in order; forget exactly those.

    One statement: an event that another transaction keeps meanwhile is neither told nor forgotten.
    """
    mine = early_events.c.clinic_id == clinic_id
    taken = delete(early_events).where(mine).returning(*early_events.c)
    rows = sorted((await tx.execute(taken)).all(), key=lambda row: row.id)
    events = ((registry.TYPES[r.event_type].model_validate(r.event), r.traceparent) for r in rows)
    return [(event, trace) for event, trace in events if isinstance(event, ReferralEvent)]


async def of_known_clinics(tx: Transaction) -> Sequence[str]:
    """Return clinics that are known by now and have events waiting.

    Two processes that learn of a clinic and of its referral in the same moment do not see each
    other: neither of them tells.
    """
    known = exists(select(clinics.c.id).where(clinics.c.id == early_events.c.clinic_id))
    return (
        (await tx.execute(select(early_events.c.clinic_id).where(known).distinct())).scalars().all()
    )
