"""What people ask for: links with what waits on them, messages by their marks. Reads only."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Subquery, case, func, select

from common.database import Transaction
from emr_bridge.domain.message import State
from emr_bridge.domain.outgoing import OPEN, UNSETTLED, OutState
from emr_bridge.store.tables import correlations, links, messages, outbound

Row = dict[str, Any]

COUNTED = ("depth", "committed", "parked")


@dataclass(frozen=True, slots=True)
class Wanted:
    """By what messages are searched; None matches all."""

    control_id: str | None = None
    sender: str | None = None
    message_type: str | None = None
    state: State | None = None
    clinic_id: str | None = None


async def links_with_depth(tx: Transaction, *, only: str | None = None) -> list[Row]:
    """Return every link (or one) with its state, how much waits on it, and since when."""
    queue = _queue()
    state = case(
        (~links.c.active, "removed"),
        (links.c.host.is_(None) | links.c.port.is_(None), "inbound_only"),
        (links.c.down_since.is_not(None), "down"),
        else_="up",
    )
    counts = [func.coalesce(queue.c[name], 0).label(name) for name in COUNTED]
    circuit = func.coalesce(links.c.circuit, "closed").label("circuit")
    columns = [column for column in links.c if column.name != "circuit"]
    found = select(*columns, state.label("state"), circuit, *counts, queue.c.oldest)
    found = found.outerjoin_from(links, queue, links.c.id == queue.c.link_id)
    if only is not None:
        found = found.where(links.c.id == only)
    rows = await tx.execute(found.order_by(links.c.id))
    return [dict(row) for row in rows.mappings()]


def _queue() -> Subquery:
    """Count, for each link, what waits to be sent, for the application's answer, or for a person."""

    def counted(name: str, *states: OutState) -> ColumnElement[int]:
        return func.sum(case((outbound.c.state.in_(states), 1), else_=0)).label(name)

    oldest = func.min(case((outbound.c.state.in_(OPEN), outbound.c.created_at)))
    columns = (
        outbound.c.link_id,
        counted("depth", *OPEN),
        counted("committed", OutState.COMMITTED),
        counted("parked", OutState.PARKED),
        oldest.label("oldest"),
    )
    unsettled = outbound.c.state.in_(UNSETTLED)
    return select(*columns).where(unsettled).group_by(outbound.c.link_id).subquery("queue")


async def messages_page(
    tx: Transaction, wanted: Wanted, *, before: UUID | None, limit: int
) -> list[Row]:
    """Return messages, newest first, older than `before`."""
    found = _messages().where(*_conditions(wanted))
    if before is not None:
        found = found.where(messages.c.id < before)
    rows = await tx.execute(found.order_by(messages.c.id.desc()).limit(limit))
    return [dict(row) for row in rows.mappings()]


async def message(tx: Transaction, message_id: UUID) -> Row | None:
    """Return one message without its bytes."""
    rows = await tx.execute(_messages().where(messages.c.id == message_id))
    row = rows.mappings().first()
    return dict(row) if row else None


async def sealed_bytes(tx: Transaction, message_id: UUID) -> bytes:
    """Return a message's sealed bytes."""
    found = select(messages.c.raw).where(messages.c.id == message_id)
    return bytes((await tx.execute(found)).scalar_one())


def _messages() -> Select[Any]:
    columns = [column for column in messages.c if column.name not in ("raw", "ack", "dedup_key")]
    joined = messages.outerjoin(correlations, correlations.c.message_id == messages.c.id)
    return select(*columns, correlations.c.referral_id).select_from(joined)


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    pairs = (
        (messages.c.control_id, wanted.control_id),
        (messages.c.sender, wanted.sender),
        (messages.c.message_type, wanted.message_type),
        (messages.c.state, wanted.state),
        (messages.c.clinic_id, wanted.clinic_id),
    )
    return [column == value for column, value in pairs if value is not None]
