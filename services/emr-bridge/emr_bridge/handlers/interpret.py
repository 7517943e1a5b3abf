"""Read what was kept: each message of a referral type becomes exactly one fact, in its order."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from common import outbox
from common.database import Transaction
from common.events.emr import CancellationSubmitted, EmrEvent, ReferralSubmitted, ReviewRequested
from common.sealing import Sealer
from emr_bridge.domain.link import Link
from emr_bridge.domain.message import State
from emr_bridge.formats.hl7v2 import interpret as hl7
from emr_bridge.formats.hl7v2.header import read_header
from emr_bridge.formats.hl7v2.interpret.reading import (
    CancellationAsked,
    Doubtful,
    Reading,
    Requested,
)
from emr_bridge.formats.hl7v2.reader import read
from emr_bridge.handlers.receive import first_link, seal_context, sender_keys
from emr_bridge.store import links, messages
from emr_bridge.store.messages import Correlation

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A kept message that was not read yet, and the link that it came by, if we know one."""

    id: UUID
    raw: bytes
    sender: str
    message_type: str
    received_at: datetime
    link: Link | None


@dataclass(frozen=True, slots=True)
class Understood:
    """What a message turned out to be, and what had to be repaired to read it."""

    message: Waiting
    reading: Reading
    repairs: tuple[str, ...] = ()


async def waiting(tx: Transaction, *, sealer: Sealer) -> list[Waiting]:
    """Return the oldest messages that were not read yet.

    The sender is looked up again: a clinic may have been registered since.
    """
    rows = await messages.pending(tx)
    raws = {row["id"]: sealer.unseal_bytes(row["raw"], seal_context(row["id"])) for row in rows}
    keys = {identifier: sender_keys(read_header(raw)) for identifier, raw in raws.items()}
    known = await links.by_sender(tx, (key for pair in keys.values() for key in pair))
    return [
        Waiting(
            id=row["id"],
            raw=raws[row["id"]],
            sender=row["sender"],
            message_type=row["message_type"],
            received_at=row["received_at"],
            link=first_link(known, keys[row["id"]]),
        )
        for row in rows
    ]


def understand(message: Waiting) -> Understood:
    """Read one message; nothing in it can stop the others."""
    if message.link is None:
        return Understood(message, Doubtful("unknown_sender"))
    try:
        parsed = read(message.raw, default_charset=message.link.charset)
        return Understood(message, hl7.interpret(parsed), parsed.repairs)
    except Exception as error:
        log.warning("interpretation_failed", message_id=str(message.id), exc_info=error)
        return Understood(message, Doubtful("interpretation_failed"))


async def record(tx: Transaction, found: Understood, *, sealer: Sealer, now: datetime) -> None:
    """Write what a message became and tell of it; a message that was read before is passed over."""
    event = _event(found, sealer, now)
    values: dict[str, Any] = {
        "state": State.REVIEW if isinstance(event, ReviewRequested) else State.INTERPRETED,
        "reason": event.reason if isinstance(event, ReviewRequested) else None,
        "became": event.type,
        "repairs": list(found.repairs),
        "interpreted_at": now,
    }
    link = found.message.link
    if link is not None:
        values |= {"link_id": link.id, "clinic_id": link.clinic_id}
    if not await messages.finish(tx, found.message.id, values):
        return
    if link is not None and isinstance(found.reading, Requested):
        await messages.correlate(tx, _correlation(found, found.reading, link, sealer), now=now)
    await outbox.append(tx, event, now=now)
    told = {"message_id": str(found.message.id), "state": values["state"].value}
    log.info("message_interpreted", reason=values["reason"], **told)


def correlation_context(message_id: UUID) -> str:
    """Return what binds sealed patient numbers to their row."""
    return f"correlation:{message_id}"


def _event(found: Understood, sealer: Sealer, now: datetime) -> EmrEvent:
    message, reading, link = found.message, found.reading, found.message.link
    about: dict[str, Any] = {
        "occurred_at": now,
        "message_id": message.id,
        "sender": message.sender,
        "clinic_id": link.clinic_id if link else None,
    }
    if isinstance(reading, CancellationAsked):
        return CancellationSubmitted(**about, external_id=reading.external_id)
    about["message_type"] = message.message_type
    if isinstance(reading, Doubtful):
        return ReviewRequested(**about, reason=reading.reason)
    event = ReferralSubmitted(**about, link_id=link.id if link else None)
    known = {"clinic_id": about["clinic_id"], "received_at": message.received_at}
    submission = reading.submission.model_copy(update=known)
    return event.model_copy(update={"sealed": event.with_sealed(sealer, submission).sealed})


def _correlation(found: Understood, reading: Requested, link: Link, sealer: Sealer) -> Correlation:
    message_id = found.message.id
    context = correlation_context(message_id)
    return Correlation(
        message_id=message_id,
        clinic_id=link.clinic_id,
        link_id=link.id,
        placer=reading.placer,
        patient_ids=sealer.seal_bytes(reading.patient_ids.encode(), context),
        provider=sealer.seal_bytes(reading.provider.encode(), f"{context}:provider"),
    )
