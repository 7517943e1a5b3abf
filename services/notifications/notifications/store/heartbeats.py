"""When the next "still pending" of each open prior authorization is composed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from common import tracing
from common.database import Transaction
from common.events.referral import PriorAuthorizationChanged
from notifications.domain.heartbeat import Beat
from notifications.store.tables import heartbeats


async def start(tx: Transaction, event: PriorAuthorizationChanged, beat: Beat) -> None:
    """Begin (again) to count from a status.

    The row stays the same one: who waits for it to change finds what it has become.
    """
    row: dict[str, Any] = {
        "prior_authorization_id": event.prior_authorization_id,
        "referral_id": event.referral_id,
        "clinic_id": event.clinic_id,
        "event": event.model_dump(mode="json"),
        "started_at": beat.started_at,
        "compose_at": beat.compose_at,
        "traceparent": tracing.current(),
    }
    anew = {name: value for name, value in row.items() if name != "prior_authorization_id"}
    insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    same = [heartbeats.c.prior_authorization_id]
    begun = insert(heartbeats).values(row)
    await tx.execute(begun.on_conflict_do_update(index_elements=same, set_=anew))


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
    """Hold a beat that is due: its row and the last status; None if it was stopped or moved."""
    mine = (heartbeats.c.prior_authorization_id == prior_authorization_id) & (
        heartbeats.c.compose_at <= now
    )
    held = select(heartbeats).where(mine).with_for_update()
    row = (await tx.execute(held)).mappings().one_or_none()
    return (row, PriorAuthorizationChanged.model_validate(row["event"])) if row else None
