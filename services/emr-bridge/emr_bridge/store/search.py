"""Messages by their marks, received and sent: ids, codes and times. Reads only.

Both kinds have ids that grow with time, so a page is the newest of both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Select, literal, select

from common.database import Transaction
from emr_bridge.store import keys
from emr_bridge.store.tables import correlations, links, messages, outbound

Row = dict[str, Any]
Direction = Literal["received", "sent"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """By what messages are searched; None matches all. The hashes are blind indexes."""

    direction: Direction | None = None
    link_id: str | None = None
    clinic_id: str | None = None
    sender: str | None = None
    control_id: str | None = None
    message_type: str | None = None
    state: str | None = None
    referral_id: UUID | None = None
    placer_hash: str | None = None
    patient_hash: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def page(tx: Transaction, wanted: Wanted, *, before: UUID | None, limit: int) -> list[Row]:
    """Return messages, newest first, older than `before`."""
    found: list[Row] = []
    if wanted.direction != "sent":
        found += await _page(tx, received(wanted), messages.c.id, before, limit)
    if wanted.direction != "received" and wanted.sender is None:
        found += await _page(tx, sent(wanted), outbound.c.id, before, limit)
    return sorted(found, key=lambda row: row["id"].int, reverse=True)[:limit]


async def one(tx: Transaction, message_id: UUID) -> Row | None:
    """Return one message, received or sent, without its bytes."""
    for query, table in ((_received(), messages), (_sent(), outbound)):
        row = (await tx.execute(query.where(table.c.id == message_id))).mappings().first()
        if row is not None:
            return dict(row)
    return None


async def sealed_bytes(tx: Transaction, row: Row) -> bytes | None:
    """Return a message's sealed bytes; None for one that was not built yet."""
    found: Select[Any] = (
        select(outbound.c.message).where(outbound.c.id == row["id"])
        if row["direction"] == "sent"
        else select(messages.c.raw).where(messages.c.id == row["id"])
    )
    sealed = (await tx.execute(found)).scalar_one()
    return bytes(sealed) if sealed is not None else None


def received(wanted: Wanted) -> Select[Any]:
    """Return the query for received messages."""
    columns: Mapping[ColumnElement[Any], Any] = {
        messages.c.link_id: wanted.link_id,
        messages.c.sender: wanted.sender,
        messages.c.control_id: wanted.control_id,
        messages.c.message_type: wanted.message_type,
        messages.c.state: wanted.state,
        correlations.c.referral_id: wanted.referral_id,
    }
    conditions = [*_equal(columns), *_within(messages.c.received_at, wanted)]
    if wanted.clinic_id is not None:
        theirs = select(links.c.id).where(links.c.clinic_id == wanted.clinic_id)
        conditions.append(messages.c.link_id.in_(theirs))
    conditions += [keys.received_with(kind, digest) for kind, digest in _hashes(wanted)]
    return _received().where(*conditions)


def sent(wanted: Wanted) -> Select[Any]:
    """Return the query for sent messages; one about a number is about a referral that came with it."""
    columns: Mapping[ColumnElement[Any], Any] = {
        outbound.c.link_id: wanted.link_id,
        outbound.c.clinic_id: wanted.clinic_id,
        outbound.c.control_id: wanted.control_id,
        outbound.c.message_type: wanted.message_type,
        outbound.c.state: wanted.state,
        outbound.c.referral_id: wanted.referral_id,
    }
    conditions = [*_equal(columns), *_within(outbound.c.created_at, wanted)]
    conditions += [keys.sent_for(kind, digest) for kind, digest in _hashes(wanted)]
    return _sent().where(*conditions)


async def _page(
    tx: Transaction, query: Select[Any], key: Column[UUID], before: UUID | None, limit: int
) -> list[Row]:
    if before is not None:
        query = query.where(key < before)
    rows = await tx.execute(query.order_by(key.desc()).limit(limit))
    return [dict(row) for row in rows.mappings()]


def _received() -> Select[Any]:
    hidden = ("raw", "ack", "dedup_key", "announced", "traceparent")
    columns = [column for column in messages.c if column.name not in hidden]
    joined = messages.outerjoin(correlations, correlations.c.message_id == messages.c.id)
    at = messages.c.received_at.label("at")
    direction = literal("received").label("direction")
    return select(*columns, direction, at, correlations.c.referral_id).select_from(joined)


def _sent() -> Select[Any]:
    shared = ("id", "control_id", "message_type", "link_id", "clinic_id", "state", "referral_id")
    columns = [outbound.c[name] for name in shared]
    direction, at = literal("sent").label("direction"), outbound.c.created_at.label("at")
    return select(*columns, outbound.c.last_code.label("reason"), direction, at)


def _equal(columns: Mapping[ColumnElement[Any], Any]) -> list[ColumnElement[bool]]:
    return [column == value for column, value in columns.items() if value is not None]


def _within(column: Column[datetime], wanted: Wanted) -> list[ColumnElement[bool]]:
    since = [column >= wanted.since] if wanted.since else []
    return since + ([column < wanted.until] if wanted.until else [])


def _hashes(wanted: Wanted) -> list[tuple[str, str]]:
    pairs = (("placer", wanted.placer_hash), ("patient", wanted.patient_hash))
    return [(kind, digest) for kind, digest in pairs if digest is not None]
