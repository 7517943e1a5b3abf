"""The service's own copy of each clinic, with people and secrets sealed at rest."""

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    Row,
    bindparam,
    delete,
    literal_column,
    select,
    union_all,
    update,
)

from common.database import Transaction, insert_new
from common.errors import NotFound
from common.events.clinic import ClinicChanged
from common.events.people import ClinicCard
from common.sealing import Sealer
from notifications.domain.clinic import Clinic, works_again
from notifications.store.tables import clinics, quarantined_numbers, webhook_endpoints

_THESE: BindParameter[Sequence[str]] = bindparam("ids", expanding=True)
KNOWN = select(clinics).where(clinics.c.id.in_(_THESE)).order_by(clinics.c.id)
HELD = KNOWN.with_for_update(read=True)
UNUSABLE = union_all(
    select(
        literal_column("'fax'"), quarantined_numbers.c.clinic_id, quarantined_numbers.c.number
    ).where(quarantined_numbers.c.clinic_id.in_(_THESE)),
    select(
        literal_column("'webhook'"), webhook_endpoints.c.clinic_id, webhook_endpoints.c.url
    ).where(
        webhook_endpoints.c.clinic_id.in_(_THESE), webhook_endpoints.c.disabled_at.is_not(None)
    ),
)
"""Numbers that proved to be wrong and endpoints that are gone: channel, clinic, destination."""


def _context(clinic_id: str) -> str:
    return f"notifications.clinics:{clinic_id}:card"


async def save(tx: Transaction, event: ClinicChanged, *, sealer: Sealer, now: datetime) -> bool:
    """Copy a clinic; return whether the event was newer than what was known."""
    card = event.unsealed(sealer, ClinicCard) or ClinicCard()
    values = {
        "version": event.version,
        "facts": event.model_dump(mode="json", exclude={"sealed"}),
        "card": sealer.seal_bytes(card.model_dump_json().encode(), _context(event.clinic_id)),
        "changed_at": now,
    }
    older = (clinics.c.id == event.clinic_id) & (clinics.c.version < event.version)
    if (await tx.execute(update(clinics).where(older).values(values))).rowcount:
        return True
    added = insert_new(tx, clinics).values(id=event.clinic_id, **values)
    return (await tx.execute(added)).rowcount == 1


async def find(
    tx: Transaction, clinic_id: str, *, sealer: Sealer, hold: bool = False
) -> Clinic | None:
    """Return a clinic as `find_all` does, or None."""
    return (await find_all(tx, [clinic_id], sealer=sealer, hold=hold)).get(clinic_id)


async def find_all(
    tx: Transaction, clinic_ids: Collection[str], *, sealer: Sealer, hold: bool = False
) -> dict[str, Clinic]:
    """Return by id the clinics that are known now; `hold`: no change commits before we do.

    Who decides by the BAA holds them: a delivery held back in the moment in which the BAA arrives
    would be released by nobody.
    """
    of_these = {"ids": list(clinic_ids)}
    rows = (await tx.execute(HELD if hold else KNOWN, of_these)).all()
    unusable = {(*one,) for one in await tx.execute(UNUSABLE, of_these)} if rows else set()
    return {row.id: _clinic(row, unusable, sealer=sealer) for row in rows}


async def get(tx: Transaction, clinic_id: str, *, sealer: Sealer, hold: bool = False) -> Clinic:
    """Return a clinic as `find` does; NotFound when it is not known."""
    clinic = await find(tx, clinic_id, sealer=sealer, hold=hold)
    if clinic is None:
        raise NotFound(f"no clinic {clinic_id}")
    return clinic


def _clinic(row: Row[Any], unusable: AbstractSet[tuple[str, ...]], *, sealer: Sealer) -> Clinic:
    facts = ClinicChanged.model_validate(row.facts)
    card = ClinicCard.model_validate_json(sealer.unseal_bytes(row.card, _context(row.id)))
    return Clinic(
        id=facts.clinic_id,
        version=facts.version,
        name=facts.name,
        time_zone=facts.time_zone,
        opening_hours=facts.opening_hours,
        holidays=facts.holidays,
        channels=facts.channels,
        fax_numbers=facts.fax_numbers,
        webhook_url=facts.webhook_url,
        webhook_secret=card.webhook_secret,
        hl7_links=facts.hl7_links,
        promises=dict(facts.promises),
        baa_signed_on=facts.baa_signed_on,
        quarantined_numbers=frozenset(
            number for channel, whose, number in unusable if (channel, whose) == ("fax", row.id)
        ),
        webhook_disabled=("webhook", row.id, facts.webhook_url) in unusable,
    )


async def quarantine(tx: Transaction, clinic_id: str, number: str, *, now: datetime) -> None:
    """Stop sending to a number that proved to be wrong."""
    row = {"clinic_id": clinic_id, "number": number, "since": now}
    await tx.execute(insert_new(tx, quarantined_numbers).values(row))


async def lift_quarantine(tx: Transaction, event: ClinicChanged) -> None:
    """Free the numbers that were verified on a later day than they proved to be wrong."""
    for fax in event.fax_numbers:
        if fax.verified_on is not None:
            table = quarantined_numbers
            since = await tx.scalar(
                select(table.c.since).where(
                    table.c.clinic_id == event.clinic_id, table.c.number == fax.number
                )
            )
            if since is not None and works_again(fax.verified_on, since):
                await free_number(tx, event.clinic_id, fax.number)


async def free_number(tx: Transaction, clinic_id: str, number: str) -> None:
    """Let a number be sent to again."""
    table = quarantined_numbers
    await tx.execute(delete(table).where(table.c.clinic_id == clinic_id, table.c.number == number))


async def disable_endpoint(tx: Transaction, clinic_id: str, url: str, *, now: datetime) -> None:
    """Stop calling an endpoint that said it is gone (410), until its address changes."""
    row = {"clinic_id": clinic_id, "url": url, "disabled_at": now}
    await tx.execute(insert_new(tx, webhook_endpoints).values(row))


async def enable_endpoint(tx: Transaction, clinic_id: str) -> None:
    """Call the clinic's endpoint again."""
    table = webhook_endpoints
    await tx.execute(delete(table).where(table.c.clinic_id == clinic_id))
