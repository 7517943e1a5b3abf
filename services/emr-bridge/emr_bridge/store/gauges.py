"""How the links are, told to Prometheus. Reads only."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from common import metrics
from common.database import Transaction
from common.gauges import Reading
from emr_bridge.store.links import CAN_SEND
from emr_bridge.store.tables import links


async def ask(tx: Transaction, now: datetime) -> Sequence[Reading]:  # noqa: ARG001 - one shape for all
    """Tell of each link that we send by whether it works: what one replica found, all tell."""
    rows = await tx.execute(select(links.c.id, links.c.down_since).where(CAN_SEND))
    return [(metrics.links_up, (row.id,), row.down_since is None) for row in rows]
