"""What is still to be read of what was kept, in what order, and what it turned out to be."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Select, delete, func, insert, select

from common.database import Transaction
from common.events.clinic import sender_key
from common.rows import Rows, take_out
from emr_bridge.domain.message import UNKNOWN_SENDER, State
from emr_bridge.store.tables import links_revision, messages, readings, unread

MOST_WAITING = 100
MOST_BYTES = 32 * 1024 * 1024
"""What is read into memory at once."""

TURN = int.from_bytes(b"messages", "big")
"""An advisory lock: replicas that read the same messages at once would do the same work."""

READ = (
    messages.c.id,
    messages.c.raw,
    messages.c.sender,
    messages.c.control_id,
    messages.c.message_type,
    messages.c.link_id,
    messages.c.clinic_id,
    messages.c.received_at,
    messages.c.traceparent,
)
"""What reading and announcing a message takes."""


def _oldest() -> Select[Any]:
    """Return the one question for what is to be read now, and by what links.

    The queue is asked by itself: joined in its order with `messages`, a database may walk through all
    of these to find the first that waits.
    """
    mine = (unread.c.message_id, unread.c.state, unread.c.reason)
    first = select(*mine).order_by(unread.c.message_id).limit(MOST_WAITING).cte("first")
    kept = messages.join(first, first.c.message_id == messages.c.id)
    sized = (messages.c.id, messages.c.size, first.c.state, first.c.reason)
    oldest = select(*sized).select_from(kept).cte("oldest")
    up_to_it = func.sum(oldest.c.size).over(order_by=oldest.c.id)
    summed = select(oldest, up_to_it.label("total")).cte("summed")
    fits = (summed.c.total <= MOST_BYTES) | (summed.c.total == summed.c.size)
    count = select(func.count()).select_from(oldest).scalar_subquery()
    revision = select(links_revision.c.revision).scalar_subquery()
    beside = (count.label("waiting"), func.coalesce(revision, 0).label("links_revision"))
    columns = (*READ, summed.c.state, summed.c.reason, *beside)
    chosen = messages.join(summed, summed.c.id == messages.c.id)
    return select(*columns).select_from(chosen).where(fits).order_by(messages.c.id)


OLDEST = _oldest()
"""The statement of every reading, built once: to build it costs more than to run it."""


@dataclass(frozen=True, slots=True)
class Oldest:
    """The oldest messages that wait, `is_all` where no other does, and the revision of the links."""

    rows: Sequence[RowMapping]
    is_all: bool
    links_revision: int


async def waiting(tx: Transaction) -> Oldest:
    """Return the oldest messages to be read or announced: at least one, not more than fit."""
    rows = list((await tx.execute(OLDEST)).mappings())
    if not rows:
        return Oldest((), is_all=True, links_revision=0)
    is_all = len(rows) == rows[0]["waiting"] < MOST_WAITING
    return Oldest(rows, is_all=is_all, links_revision=rows[0]["links_revision"])


async def depth(tx: Transaction) -> tuple[int, datetime | None]:
    """Return how many messages wait, and when the oldest of them came."""
    first = select(unread.c.message_id).order_by(unread.c.message_id).limit(1)
    oldest = select(messages.c.received_at).where(messages.c.id == first.scalar_subquery())
    count = await tx.scalar(select(func.count()).select_from(unread))
    return count or 0, await tx.scalar(oldest)


async def take(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, bool]:
    """Take messages off the queue; return whether each is announced.

    One that another worker has recorded meanwhile is not among them.
    """
    taken = await take_out(tx, unread, "message_id", ids, ["message_id", "announced"])
    return {row["message_id"]: row["announced"] for row in taken}


def rows_of(found: Sequence[Mapping[str, Any]]) -> Rows:
    """Return as rows what messages turned out to be."""
    return readings, found


async def read_again(tx: Transaction, sender_keys: Collection[str]) -> int:
    """Have those messages read again that waited for a person because nobody knew their sender."""
    unknown = (readings.c.state == State.REVIEW) & (readings.c.reason == UNKNOWN_SENDER)
    senders = await tx.scalars(select(readings.c.sender).where(unknown).distinct())
    known = [sender for sender in senders if not keys_of(sender).isdisjoint(sender_keys)]
    if not known:
        return 0
    theirs = delete(readings).where(unknown, readings.c.sender.in_(known))
    ids = (await tx.scalars(theirs.returning(readings.c.message_id))).all()
    if ids:
        again = {"state": State.RECEIVED, "announced": True}
        await tx.execute(insert(unread), [again | {"message_id": one} for one in ids])
    return len(ids)


def keys_of(sender: str) -> set[str]:
    """Return by what the sender of a row (MSH-3|MSH-4) may be known: whole, and by first components."""
    application, _, facility = sender.partition("|")
    firsts = (name.partition("^")[0] for name in (application, facility))
    return {sender_key(application, facility), sender_key(*firsts)}


async def states_of(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return what messages turned out to be; those that were not read are not among them."""
    if not ids:
        return {}
    columns = (readings.c.message_id, readings.c.state)
    rows = await tx.execute(select(*columns).where(readings.c.message_id.in_(ids)))
    return {row.message_id: row.state for row in rows}


async def take_turn(tx: Transaction) -> bool:
    """Be the only one that reads messages until this transaction ends; False if another is."""
    if tx.dialect.name != "postgresql":
        return True
    return bool(await tx.scalar(select(func.pg_try_advisory_xact_lock(TURN))))
