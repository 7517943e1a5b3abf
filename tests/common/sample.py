"""A table and an event of no service, for tests of what the services share."""

import uuid
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Column, Integer, String, Table, Uuid, func, insert, select

from common import outbox
from common.database import Database, Transaction, UtcDateTime
from common.events.emr import CancellationSubmitted, MessageReceived
from common.tables import new_metadata

ONE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TWO = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
"""Two traces, as `traceparent` names them."""

metadata = new_metadata()
effects = Table(
    "effects",
    metadata,
    Column("n", Integer, primary_key=True, autoincrement=True),
    Column("what", String(100), nullable=False),
)
jobs = Table(
    "jobs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("state", String(20), nullable=False),
    Column("rank", Integer, nullable=False),
    Column("lease_token", Uuid),
    Column("leased_until", UtcDateTime),
)

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TOPIC = MessageReceived.topic


def happened(what: str, sender: str = "APP|FAC") -> MessageReceived:
    """An event that is told apart by its control id."""
    return MessageReceived(
        occurred_at=NOON,
        message_id=uuid.uuid5(uuid.NAMESPACE_OID, what),
        sender=sender,
        message_type="REF^I12",
        control_id=what,
    )


def unwanted(what: str) -> CancellationSubmitted:
    """An event that nobody here handles."""
    return CancellationSubmitted(
        occurred_at=NOON,
        message_id=uuid.uuid5(uuid.NAMESPACE_OID, what),
        sender="APP|FAC",
        external_id=what,
    )


async def note(tx: Transaction, event: MessageReceived, now: datetime) -> None:
    """The handler: one row per effect."""
    await tx.execute(insert(effects).values(what=event.control_id))


async def noted(db: Database) -> list[str]:
    async with db.read() as tx:
        return list((await tx.execute(select(effects.c.what).order_by(effects.c.n))).scalars())


async def count(db: Database, table: Table) -> int:
    async with db.read() as tx:
        return (await tx.execute(select(func.count()).select_from(table))).scalar_one()


async def tell(db: Database, *events) -> list[UUID]:
    """Append events in one transaction."""
    async with db.begin() as tx:
        return [await outbox.append(tx, event, now=NOON) for event in events]
