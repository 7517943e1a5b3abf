"""A message of an EMR as intake hears of it: handled once, by its sender, with what it told noted."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel

from common.database import Transaction
from common.errors import SetAside
from common.events.emr import EmrEvent, Interpreted
from intake.domain.information import Door
from intake.handlers import record
from intake.handlers.desk import Desk
from intake.store import reviews, submissions
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
    if not await submissions.first_sight(
        tx, door_of(event.message_type), event.message_id, now=now
    ):
        return None
    return await again(tx, desk, event.sender, event.message_id, now=now)


async def again(
    tx: Transaction, desk: Desk, sender: str, message_id: UUID, *, now: datetime
) -> Desk:
    """Close the review that asked who sent the message; return the desk with the sender at it."""
    await reviews.supersede(tx, message_id, UNKNOWN_SENDER, by="emr-bridge", now=now)
    return desk.of(actor(sender), message_id)


def opened(desk: Desk, event: EmrEvent, model: type[Person]) -> Person:
    """Return what travels sealed with an event; SetAside when it should and does not."""
    person = event.unsealed(desk.sealer, model)
    if person is None:
        raise SetAside("no_submission", f"{event.type} carries no sealed {model.__name__.lower()}")
    return person


async def note_read(
    tx: Transaction, desk: Desk, referral_id: UUID, event: Interpreted, *, now: datetime
) -> None:
    """Note in the timeline where a message had its values."""
    await record.note(tx, desk, referral_id, READ, facts=told(event), now=now)


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
