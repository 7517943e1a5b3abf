"""What people ask for of links: is each up, and what waits on it. Reads only."""

from typing import Any

from sqlalchemy import ColumnElement, Subquery, case, func, select

from common.database import Transaction
from emr_bridge.domain.outgoing import OPEN, UNSETTLED, OutState
from emr_bridge.store.tables import links, outbound

Row = dict[str, Any]

COUNTED = ("depth", "committed", "parked")


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
