"""Links as the clinics configured them, by whom each is claimed, and how often they have changed."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, insert, select, update

from common.database import Transaction, insert_new
from common.events.clinic import Hl7Dialect
from emr_bridge.domain.link import Link
from emr_bridge.store.tables import links, links_revision

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
    links.c.dialect,
    links.c.time_zone,
)

CAN_SEND = links.c.active & links.c.host.is_not(None) & links.c.port.is_not(None)


async def replace(tx: Transaction, clinic_id: str, current: Sequence[Link]) -> None:
    """Make these the clinic's links; one that is gone stays for its history, inactive."""
    theirs = links.c.clinic_id == clinic_id
    known = set(await tx.scalars(select(links.c.id).where(theirs)))
    await tx.execute(update(links).where(theirs).values(active=False))
    for link in current:
        values = _values(link)
        if link.id in known:
            retried = {"next_attempt_at": None}
            await tx.execute(update(links).where(links.c.id == link.id).values(values | retried))
        else:
            await tx.execute(insert(links).values(values))
    await _count_change(tx)


async def _count_change(tx: Transaction) -> None:
    """Make the revision a new one; two who change links at once do so one after the other."""
    await tx.execute(insert_new(tx, links_revision).values(id=1, revision=0))
    await tx.execute(update(links_revision).values(revision=links_revision.c.revision + 1))


async def revision(tx: Transaction) -> int:
    """Return what changes with every change of links: whoever remembers them asks for it."""
    return await tx.scalar(select(links_revision.c.revision)) or 0


async def hold(tx: Transaction) -> None:
    """Keep links as they are until this transaction ends; a change of them waits."""
    await tx.execute(insert_new(tx, links_revision).values(id=1, revision=0))
    await tx.execute(select(links_revision.c.revision).with_for_update(read=True))


async def by_sender(tx: Transaction, keys: Iterable[str] | None = None) -> dict[str, Link | None]:
    """Return the active link of each (or every) sender key; None where two clinics claim the same."""
    wanted: list[ColumnElement[bool]] = [links.c.active]
    if keys is not None:
        wanted.append(links.c.sender_key.in_(sorted(set(keys))))
    found: dict[str, Link | None] = {}
    rows = await tx.execute(select(links.c.sender_key, *COLUMNS).where(*wanted))
    for row in rows.mappings():
        found[row["sender_key"]] = None if row["sender_key"] in found else as_link(row)
    return found


async def reachable(tx: Transaction, clinic_id: str) -> list[Link]:
    """Return the clinic's active links that can be sent to, by id."""
    theirs = links.c.clinic_id == clinic_id
    rows = await tx.execute(select(*COLUMNS).where(theirs, CAN_SEND).order_by(links.c.id))
    return [as_link(row) for row in rows.mappings()]


async def sendable(tx: Transaction, link_id: str) -> Link | None:
    """Return a link that can be sent to; None when the clinic took it away."""
    rows = await tx.execute(select(*COLUMNS).where(links.c.id == link_id, CAN_SEND))
    row = rows.mappings().first()
    return as_link(row) if row else None


def as_link(row: RowMapping) -> Link:
    """Return the link that a row describes; one from before dialects were kept has the default."""
    values: dict[str, Any] = {column.name: row[column.name] for column in COLUMNS}
    return Link(**values | {"dialect": Hl7Dialect.model_validate(values["dialect"] or {})})


def _values(link: Link) -> dict[str, Any]:
    own = {"sender_key": link.sender_key, "active": True}
    return asdict(link) | {"dialect": link.dialect.model_dump(mode="json")} | own
