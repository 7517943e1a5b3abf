"""Application ACKs that go out as messages of their own: each once, tried until it went."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, select, update

from common.claims import claim, write_held
from common.database import Transaction, insert_new
from emr_bridge.store.tables import replies

WAITING, SENT, GIVEN_UP = "waiting", "sent", "given_up"

BY_LINK, BY_CONNECTION = "link", "connection"


async def add(tx: Transaction, values: dict[str, Any]) -> None:
    """Queue an answer; one for the same message is queued once."""
    await tx.execute(insert_new(tx, replies).values(values))


async def any_due(tx: Transaction, links: Collection[str], now: datetime) -> bool:
    """Tell whether an answer can go out now; `links` are those with a connection open here."""
    return await tx.scalar(select(replies.c.id).where(_due(links, now)).limit(1)) is not None


async def claim_due(
    tx: Transaction, links: Collection[str], *, limit: int, lease: timedelta, now: datetime
) -> list[RowMapping]:
    """Hold answers that can go out now, oldest first."""
    order = (replies.c.id,)
    due = _due(links, now)
    return await claim(tx, replies, due=due, order_by=order, limit=limit, lease=lease, now=now)


async def write(tx: Transaction, row: RowMapping, values: dict[str, Any]) -> None:
    """Write what came of an answer that is held, and let it go."""
    await write_held(tx, replies, row, values)


async def put_off(tx: Transaction, link_id: str, way: str, until: datetime) -> None:
    """Let all of a link's answers wait until then that would go before."""
    theirs = (replies.c.link_id == link_id) & (replies.c.way == way)
    sooner = (replies.c.state == WAITING) & (replies.c.next_attempt_at < until)
    await tx.execute(update(replies).where(theirs, sooner).values(next_attempt_at=until))


async def give_up(tx: Transaction, before: datetime, now: datetime) -> int:
    """End what has waited since before then; return how many."""
    late = (replies.c.state == WAITING) & (replies.c.created_at < before)
    ended = {"state": GIVEN_UP, "ended_at": now}
    return int((await tx.execute(update(replies).where(late).values(ended))).rowcount)


def _due(links: Collection[str], now: datetime) -> ColumnElement[bool]:
    mine = (replies.c.way == BY_LINK) | replies.c.link_id.in_(sorted(links))
    return (replies.c.state == WAITING) & (replies.c.next_attempt_at <= now) & mine
