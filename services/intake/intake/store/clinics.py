"""Clinics: their facts as JSON, their people and their secret sealed."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import RowMapping, Select, func, select, update

from common.database import Transaction, insert_new
from common.errors import ConcurrentUpdate, NotFound
from common.events.clinic import Hl7Link
from common.events.people import ClinicCard, Contact
from common.rows import look_up, one_of
from common.sealing import Sealer
from intake.domain.clinic import Clinic, coordinator_of
from intake.store import sealed
from intake.store.tables import clinics as table

REGISTRATION = int.from_bytes(b"clinics", "big")
"""The advisory lock of whoever registers a clinic; known within one database."""

FACTS: TypeAdapter[Clinic] = TypeAdapter(Clinic)
CARD: TypeAdapter[ClinicCard] = TypeAdapter(ClinicCard)
LINKS: TypeAdapter[tuple[Hl7Link, ...]] = TypeAdapter(tuple[Hl7Link, ...])


async def find(tx: Transaction, sealer: Sealer, clinic_id: str) -> Clinic | None:
    """Return the clinic, or None when it is not registered."""
    query = select(table).where(table.c.id == clinic_id)
    row = (await tx.execute(query)).mappings().one_or_none()
    return _clinic(sealer, row) if row else None


async def get(tx: Transaction, sealer: Sealer, clinic_id: str) -> Clinic:
    """Return the clinic; NotFound when it is not registered."""
    clinic = await find(tx, sealer, clinic_id)
    if clinic is None:
        raise NotFound("there is no clinic with this id")
    return clinic


async def register_one_at_a_time(tx: Transaction) -> None:
    """Keep whoever registers another clinic waiting: two could claim one sender and not see each other.

    SQLite has one writer anyway.
    """
    if tx.dialect.name == "postgresql":
        await tx.execute(select(func.pg_advisory_xact_lock(REGISTRATION)))


async def senders_of_others(tx: Transaction, clinic_id: str) -> dict[str, str]:
    """Return the EMR senders that other clinics have, each with the clinic's id."""
    query = select(table.c.id, table.c.content["hl7_links"]).where(table.c.id != clinic_id)
    return {
        link.sender_key: row.id
        for row in await tx.execute(query)
        for link in LINKS.validate_python(row[1] or ())
    }


async def is_registered(tx: Transaction, clinic_id: str) -> bool:
    """Return whether there is such a clinic."""
    query = select(table.c.id).where(table.c.id == clinic_id)
    return await tx.scalar(query) is not None


async def one_at_a_time(
    tx: Transaction, sealer: Sealer, clinic_ids: Iterable[str]
) -> dict[str, Contact | None]:
    """Keep other submissions of these clinics waiting until these are kept, or each misses the other.

    Returns whom to address at each clinic that is registered. Locked in the order of their ids, so
    that nobody waits in a circle; rows that refer to a clinic are not kept waiting. SQLite has one
    writer anyway.
    """
    rows = await look_up(tx, _locking(tx.dialect.name), {"ids": list(set(clinic_ids))})
    return {one: coordinator_of(_people(sealer, one, people).contacts) for one, people in rows}


@lru_cache(maxsize=2)
def _locking(dialect: str) -> Select[str, bytes]:
    query = select(table.c.id, table.c.people).where(one_of(table.c.id, "ids", dialect))
    return query.order_by(table.c.id).with_for_update(key_share=True)


async def page(tx: Transaction, sealer: Sealer, *, after: str | None, limit: int) -> list[Clinic]:
    """Return the clinics in the order of their ids, from beyond `after` on."""
    query = select(table).order_by(table.c.id).limit(limit)
    if after is not None:
        query = query.where(table.c.id > after)
    return [_clinic(sealer, row) for row in (await tx.execute(query)).mappings()]


async def save(tx: Transaction, sealer: Sealer, clinic: Clinic, *, now: datetime) -> None:
    """Write a version; ConcurrentUpdate if another transaction wrote it first."""
    row = _row(sealer, clinic) | {"updated_at": now}
    previous = (table.c.id == clinic.id) & (table.c.version == clinic.version - 1)
    result = (
        await tx.execute(insert_new(tx, table).values(row | {"created_at": now}))
        if clinic.version == 1
        else await tx.execute(update(table).where(previous).values(row))
    )
    if result.rowcount != 1:
        raise ConcurrentUpdate(f"clinic {clinic.id} was changed by someone else")


def _row(sealer: Sealer, clinic: Clinic) -> dict[str, Any]:
    facts = FACTS.dump_python(replace(clinic, contacts=(), webhook_secret=None), mode="json")
    people = sealed.close(sealer, CARD, clinic.card(), _context(clinic.id))
    return {"id": clinic.id, "version": clinic.version, "content": facts, "people": people}


def _clinic(sealer: Sealer, row: RowMapping) -> Clinic:
    card = _people(sealer, row["id"], row["people"])
    facts = FACTS.validate_python(row["content"])
    return replace(facts, contacts=card.contacts, webhook_secret=card.webhook_secret)


def _people(sealer: Sealer, clinic_id: str, closed: bytes) -> ClinicCard:
    return sealed.open_(sealer, CARD, closed, _context(clinic_id))


def _context(clinic_id: str) -> str:
    return f"clinic:{clinic_id}"
