"""When the next "still pending" of each open prior authorization is composed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, delete, select

from common import tracing
from common.database import Transaction
from common.events.referral import PriorAuthorizationChanged
from notifications.domain.heartbeat import Beat
from notifications.store.tables import heartbeats


async def start(tx: Transaction, event: PriorAuthorizationChanged, beat: Beat) -> None:
    """Begin (again) to count from a status."""
    await stop(tx, event.prior_authorization_id)
    row: dict[str, Any] = {
        "prior_authorization_id": event.prior_authorization_id,
        "referral_id": event.referral_id,
        "clinic_id": event.clinic_id,
        "event": event.model_dump(mode="json"),
        "started_at": beat.started_at,
        "compose_at": beat.compose_at,
        "traceparent": tracing.current(),
    }
    await tx.execute(heartbeats.insert().values(row))


async def stop(tx: Transaction, prior_authorization_id: UUID) -> None:
    """Stop: the prior authorization is not open any more."""
    await tx.execute(
        delete(heartbeats).where(heartbeats.c.prior_authorization_id == prior_authorization_id)
    )


async def stop_all(tx: Transaction, referral_id: UUID) -> None:
    """Stop every beat of a referral that has ended."""
    await tx.execute(delete(heartbeats).where(heartbeats.c.referral_id == referral_id))


async def due(tx: Transaction, *, limit: int, now: datetime) -> list[UUID]:
    """Return the prior authorizations whose next "still pending" is to be composed."""
    query = select(heartbeats.c.prior_authorization_id).where(heartbeats.c.compose_at <= now)
    return list((await tx.execute(query.order_by(heartbeats.c.compose_at).limit(limit))).scalars())


async def take(
    tx: Transaction, prior_authorization_id: UUID, *, now: datetime
) -> tuple[RowMapping, PriorAuthorizationChanged] | None:
    """Take a beat that is due out of the table: its row and the last status; None if it moved."""
    mine = (heartbeats.c.prior_authorization_id == prior_authorization_id) & (
        heartbeats.c.compose_at <= now
    )
    taken = delete(heartbeats).where(mine).returning(*heartbeats.c)
    row = (await tx.execute(taken)).mappings().one_or_none()
    return (row, PriorAuthorizationChanged.model_validate(row["event"])) if row else None
