"""How the links are and what is not read yet, told to Prometheus. Reads only."""

from collections.abc import Sequence
from datetime import datetime

from common import metrics
from common.database import Transaction
from common.gauges import Reading, age
from emr_bridge.store import overview, readings

SENDING = ("up", "down")


async def ask(tx: Transaction, now: datetime) -> Sequence[Reading]:
    """Tell of each link that we send by how it is, and of what waits: what one replica found, all tell."""
    rows = await overview.links_with_depth(tx)
    unread, oldest = await readings.depth(tx)
    told: list[Reading] = [
        (metrics.messages_unread, (), unread),
        (metrics.messages_unread_oldest, (), age(oldest, now)),
    ]
    for row in (row for row in rows if row["state"] in SENDING):
        link = (row["id"],)
        told += [
            (metrics.links_up, link, row["state"] == "up"),
            (metrics.link_circuit_open, link, row["circuit"] != "closed"),
            (metrics.link_depth, link, row["depth"]),
            (metrics.link_oldest, link, age(row["oldest"], now)),
            (metrics.link_parked, link, row["parked"]),
        ]
    return told
