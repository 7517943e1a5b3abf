"""The service's own copy of each clinic, with people and secrets sealed at rest."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from common.database import Transaction, insert_new
from common.errors import NotFound
from common.events import registry
from common.events.clinic import ClinicChanged
from common.events.people import ClinicCard
from common.events.referral import ReferralEvent
from common.ids import new_id
from common.sealing import Sealer
from notifications.domain.clinic import Clinic
from notifications.store.tables import (
    clinics,
    early_events,
    quarantined_numbers,
    webhook_endpoints,
)


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


async def find(tx: Transaction, clinic_id: str, *, sealer: Sealer) -> Clinic | None:
    """Return a clinic as it is known now, or None."""
    row = (await tx.execute(select(clinics).where(clinics.c.id == clinic_id))).one_or_none()
    if row is None:
        return None
    facts = ClinicChanged.model_validate(row.facts)
    card = ClinicCard.model_validate_json(sealer.unseal_bytes(row.card, _context(clinic_id)))
    return _clinic(facts, card, await _standing(tx, facts))


async def get(tx: Transaction, clinic_id: str, *, sealer: Sealer) -> Clinic:
    """Return a clinic; NotFound when it is not known."""
    clinic = await find(tx, clinic_id, sealer=sealer)
    if clinic is None:
        raise NotFound(f"no clinic {clinic_id}")
    return clinic


async def _standing(tx: Transaction, facts: ClinicChanged) -> dict[str, Any]:
    numbers = select(quarantined_numbers.c.number).where(
        quarantined_numbers.c.clinic_id == facts.clinic_id
    )
    disabled = select(webhook_endpoints.c.disabled_at).where(
        webhook_endpoints.c.clinic_id == facts.clinic_id,
        webhook_endpoints.c.url == facts.webhook_url,
    )
    return {
        "quarantined_numbers": frozenset((await tx.execute(numbers)).scalars()),
        "webhook_disabled": await tx.scalar(disabled) is not None,
    }


def _clinic(facts: ClinicChanged, card: ClinicCard, standing: dict[str, Any]) -> Clinic:
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
        contacts=card.contacts,
        **standing,
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
            if since is not None and fax.verified_on > since.date():
                await free_number(tx, event.clinic_id, fax.number)


async def free_number(tx: Transaction, clinic_id: str, number: str) -> None:
    """Let a number be sent to again."""
    table = quarantined_numbers
    await tx.execute(delete(table).where(table.c.clinic_id == clinic_id, table.c.number == number))


async def disable_endpoint(tx: Transaction, clinic_id: str, url: str, *, now: datetime) -> None:
    """Stop calling an endpoint that said it is gone (410), until its address changes."""
    row = {"clinic_id": clinic_id, "url": url, "disabled_at": now}
    await tx.execute(insert_new(tx, webhook_endpoints).values(row))


async def enable_endpoint(tx: Transaction, clinic_id: str) -> bool:
    """Call the clinic's endpoint again; return whether it had been disabled."""
    table = webhook_endpoints
    freed = await tx.execute(delete(table).where(table.c.clinic_id == clinic_id))
    return freed.rowcount > 0


async def keep_early(tx: Transaction, event: ReferralEvent, *, now: datetime) -> None:
    """Keep an event of a clinic that is not known yet: topics do not wait for each other."""
    row: dict[str, Any] = {
        "id": new_id(),
        "clinic_id": event.clinic_id,
        "event_type": event.type,
        "event": event.model_dump(mode="json"),
        "created_at": now,
    }
    await tx.execute(insert(early_events).values(row))


async def take_early(tx: Transaction, clinic_id: str) -> Sequence[ReferralEvent]:
    """Return the events that waited for the clinic, in their order, and forget them."""
    mine = early_events.c.clinic_id == clinic_id
    rows = (await tx.execute(select(early_events).where(mine).order_by(early_events.c.id))).all()
    await tx.execute(delete(early_events).where(mine))
    events = (registry.TYPES[row.event_type].model_validate(row.event) for row in rows)
    return [event for event in events if isinstance(event, ReferralEvent)]
