"""Messages by their marks, received and sent: ids, codes and times. Reads only.

All have ids that grow with time, so a page is the newest of what waits to be read, what was read, and
what was sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Select, Table, false, literal, select

from common.database import Json, Transaction
from emr_bridge.store import keys
from emr_bridge.store.tables import correlations, links, messages, outbound, readings, unread

Row = dict[str, Any]

BESIDE = ("sha256", "size", "duplicates")
"""What of a message stands only with its bytes."""
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
        found += await _rows(tx, newest(waiting(wanted), unread.c.message_id, before, limit))
        read = newest(received(wanted), readings.c.message_id, before, limit)
        found += await _rows(tx, with_bytes(read))
    if wanted.direction != "received" and wanted.sender is None:
        found += await _rows(tx, newest(sent(wanted), outbound.c.id, before, limit))
    each = {row["id"]: row for row in found}  # one may have been read between two questions
    return sorted(each.values(), key=lambda row: row["id"].int, reverse=True)[:limit]


async def one(tx: Transaction, message_id: UUID) -> Row | None:
    """Return one message, received or sent, without its bytes."""
    waits = _waiting().where(unread.c.message_id == message_id)
    was_read = with_bytes(_received().where(readings.c.message_id == message_id))
    was_sent = _sent().where(outbound.c.id == message_id)
    places = (waits, was_read, waits, was_sent)  # it may be read, or to be read again, meanwhile
    for query in places:
        for row in await _rows(tx, query):
            return row
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


def waiting(wanted: Wanted) -> Select[Any]:
    """Return the query for received messages that were not read yet: only their headers are known."""
    conditions = _came_as(messages, unread.c.state, wanted)
    if wanted.referral_id is not None or _hashes(wanted):
        conditions.append(false())
    return _waiting().where(*conditions)


def received(wanted: Wanted) -> Select[Any]:
    """Return the query for received messages that were read."""
    conditions = _came_as(readings, readings.c.state, wanted)
    conditions += _equal({correlations.c.referral_id: wanted.referral_id})
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


def newest(query: Select[Any], key: Column[UUID], before: UUID | None, limit: int) -> Select[Any]:
    """Return the query for the newest of them that are older than `before`."""
    older = query if before is None else query.where(key < before)
    return older.order_by(key.desc()).limit(limit)


async def _rows(tx: Transaction, query: Select[Any]) -> list[Row]:
    return [dict(row) for row in (await tx.execute(query)).mappings()]


def with_bytes(found: Select[Any]) -> Select[Any]:
    """Add what stands with their bytes, once the page is found: joined before, what waits is walked through."""
    page = found.subquery("page")
    beside = [messages.c[name] for name in BESIDE]
    return select(page, *beside).join(messages, messages.c.id == page.c.id)


def _came_as(of: Table, state: Column[str], wanted: Wanted) -> list[ColumnElement[bool]]:
    """Return the conditions on what is known of a message when it comes, by the table that has it."""
    columns: Mapping[ColumnElement[Any], Any] = {
        of.c.link_id: wanted.link_id,
        of.c.sender: wanted.sender,
        of.c.control_id: wanted.control_id,
        of.c.message_type: wanted.message_type,
        state: wanted.state,
    }
    conditions = [*_equal(columns), *_within(of.c.received_at, wanted)]
    if wanted.clinic_id is not None:
        theirs = select(links.c.id).where(links.c.clinic_id == wanted.clinic_id)
        conditions.append(of.c.link_id.in_(theirs))
    return conditions


def _waiting() -> Select[Any]:
    names = ("id", "sender", "control_id", "message_type", "link_id", "clinic_id", "received_at")
    columns = [messages.c[name] for name in (*names, *BESIDE)]
    no_referral, no_repairs = literal(None).label("referral_id"), literal([], Json).label("repairs")
    joined = unread.join(messages, messages.c.id == unread.c.message_id)
    told = (unread.c.state, unread.c.reason, *_received_at(messages.c.received_at))
    return select(*columns, *told, no_referral, no_repairs).select_from(joined)


def _received() -> Select[Any]:
    columns = [column for column in readings.c if column.name != "message_id"]
    mine = correlations.c.message_id == readings.c.message_id
    told = (*_received_at(readings.c.received_at), correlations.c.referral_id)
    named = (readings.c.message_id.label("id"), *columns, *told)
    return select(*named).select_from(readings.outerjoin(correlations, mine))


def _received_at(column: Column[datetime]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    return literal("received").label("direction"), column.label("at")


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
