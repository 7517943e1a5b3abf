"""Links as the clinics configured them, and who holds one for sending."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import RowMapping, insert, select, update

from common.database import Transaction
from emr_bridge.domain.link import Link
from emr_bridge.store.tables import links

COLUMNS = (
    links.c.id,
    links.c.clinic_id,
    links.c.sending_application,
    links.c.sending_facility,
    links.c.charset,
    links.c.host,
    links.c.port,
    links.c.receiving_application,
    links.c.receiving_facility,
)


async def replace(tx: Transaction, clinic_id: str, current: Sequence[Link]) -> None:
    """Make these the clinic's links; one that is gone stays for its history, inactive."""
    theirs = links.c.clinic_id == clinic_id
    known = set(await tx.scalars(select(links.c.id).where(theirs)))
    await tx.execute(update(links).where(theirs).values(active=False))
    for link in current:
        values: dict[str, Any] = asdict(link) | {"sender_key": link.sender_key, "active": True}
        if link.id in known:
            retried = {"next_attempt_at": None}
            await tx.execute(update(links).where(links.c.id == link.id).values(values | retried))
        else:
            await tx.execute(insert(links).values(values))


async def by_sender(tx: Transaction, keys: Iterable[str]) -> dict[str, Link | None]:
    """Return the active link of each sender key; None where two clinics claim the same key."""
    wanted = links.c.active & links.c.sender_key.in_(sorted(set(keys)))
    found: dict[str, Link | None] = {}
    rows = await tx.execute(select(links.c.sender_key, *COLUMNS).where(wanted))
    for row in rows.mappings():
        found[row["sender_key"]] = None if row["sender_key"] in found else as_link(row)
    return found


async def get(tx: Transaction, link_id: str) -> Link | None:
    """Return a link."""
    rows = await tx.execute(select(*COLUMNS).where(links.c.id == link_id))
    row = rows.mappings().first()
    return as_link(row) if row else None


async def reachable(tx: Transaction, clinic_id: str) -> list[Link]:
    """Return the clinic's active links that can be sent to, by id."""
    can = links.c.active & links.c.host.is_not(None) & links.c.port.is_not(None)
    theirs = links.c.clinic_id == clinic_id
    rows = await tx.execute(select(*COLUMNS).where(theirs, can).order_by(links.c.id))
    return [as_link(row) for row in rows.mappings()]


def as_link(row: RowMapping) -> Link:
    """Return the link that a row describes."""
    return Link(**{column.name: row[column.name] for column in COLUMNS})
