"""A message of an EMR as intake hears of it: handled once, by its sender, with what it told noted."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel

from common.database import Transaction
from common.errors import SetAside
from common.events.emr import EmrEvent, Interpreted
from common.sealing import Sealer
from intake.domain.information import Door
from intake.handlers import record
from intake.handlers.desk import Desk
from intake.store import reviews, submissions, timeline
from intake.store.text import plain

Person = TypeVar("Person", bound=BaseModel)

LONGEST_ACTOR = 200
READ = "message.read"

UNKNOWN_SENDER = "unknown_sender"
"""Why emr-bridge gave a message to a person; read again, it no longer needs one."""


def actor(sender: str) -> str:
    """Return who acts when a message does."""
    return plain(f"emr:{sender}", LONGEST_ACTOR)


def door_of(message_type: str) -> Door:
    """Return the door by the form of the type: `REF^I12`, or a FHIR resource."""
    return "hl7v2" if "^" in message_type else "fhir"


async def first(tx: Transaction, desk: Desk, event: Interpreted, *, now: datetime) -> Desk | None:
    """Return the desk with the sender at it; None when the message was handled before."""
    return (await first_of(tx, desk, [event], now=now)).get(event.message_id)


async def first_of(
    tx: Transaction, desk: Desk, events: Sequence[Interpreted], *, now: datetime
) -> dict[UUID, Desk]:
    """Return the desk with the sender at it, by message, for those that were not handled before."""
    senders = {event.message_id: event.sender for event in events}
    doors = dict.fromkeys((door_of(event.message_type), event.message_id) for event in events)
    new = await submissions.first_sight(tx, list(doors), now=now)
    await reviews.supersede(tx, new, UNKNOWN_SENDER, by="emr-bridge", now=now)
    return {one: desk.of(actor(senders[one]), one) for one in new}


async def again(
    tx: Transaction, desk: Desk, sender: str, message_id: UUID, *, now: datetime
) -> Desk:
    """Close the review that asked who sent the message; return the desk with the sender at it."""
    await reviews.supersede(tx, [message_id], UNKNOWN_SENDER, by="emr-bridge", now=now)
    return desk.of(actor(sender), message_id)


def opened(desk: Desk, event: EmrEvent, model: type[Person]) -> Person:
    """Return what travels sealed with an event; SetAside when it should and does not."""
    person = event.unsealed(desk.sealer, model)
    if person is None:
        raise SetAside("no_submission", f"{event.type} carries no sealed {model.__name__.lower()}")
    return person


async def note_read(
    tx: Transaction,
    sealer: Sealer,
    read: Sequence[tuple[Desk, UUID, Interpreted]],
    *,
    now: datetime,
) -> None:
    """Note in the timelines of referrals where messages, whose senders are at the desk, had their values."""
    entries = [
        (referral_id, record.noted(desk, READ, facts=told(event), now=now))
        for desk, referral_id, event in read
        if event.places
    ]
    await timeline.append_all(tx, sealer, entries)


def told(event: Interpreted, pointers: Sequence[str] | None = None) -> dict[str, Any]:
    """Return a message's type, the places of its values, what it deletes, what was mended."""
    wanted = tuple(pointers) if pointers is not None else ("/",)
    facts: dict[str, Any] = {
        "message_type": event.message_type,
        "places": {k: v for k, v in event.places.items() if k.startswith(wanted)},
        "deleted": [pointer for pointer in event.deleted if pointer.startswith(wanted)],
        "repairs": list(event.repairs),
    }
    return {name: fact for name, fact in facts.items() if fact}
