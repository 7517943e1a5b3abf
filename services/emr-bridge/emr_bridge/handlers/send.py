"""Before a message is sent: choose it, build it once, note the attempt."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping

from common.database import Transaction
from common.errors import SetAside
from common.events.notification import EmrDeliveryRequested, NoticeContent
from common.ids import new_id
from common.sealing import Sealer
from emr_bridge.domain.link import Link
from emr_bridge.domain.outgoing import APPOINTMENT, Outgoing, OutState, Us
from emr_bridge.domain.redelivery import is_exhausted
from emr_bridge.formats.hl7v2.ack import control_id_of
from emr_bridge.formats.hl7v2.builders import booking, build_report
from emr_bridge.formats.hl7v2.header import read_header
from emr_bridge.formats.hl7v2.source import Original, source_of
from emr_bridge.handlers.attempt import Attempt
from emr_bridge.handlers.outcome import age, end
from emr_bridge.handlers.receive import seal_context as received_context
from emr_bridge.handlers.record import correlation_context
from emr_bridge.store import links, messages, outbound, sources
from emr_bridge.store.messages import Correlation


@dataclass(frozen=True, slots=True)
class Serving:
    """A link that this process holds for sending, by a token; and how we call ourselves."""

    link_id: str
    token: UUID
    us: Us


@dataclass(frozen=True, slots=True)
class Due:
    """A message that is due: its row, and what it says if it was not built yet."""

    row: RowMapping
    link: Link
    message: bytes | None
    outgoing: Outgoing | None
    original: Original | None = None


async def next_due(
    tx: Transaction, serving: Serving, *, sealer: Sealer, now: datetime
) -> Due | None:
    """Return what to send next over a link; messages that must end without a try are ended."""
    while row := await outbound.next_due(tx, serving.link_id, serving.token, now):
        link = await links.sendable(tx, serving.link_id)
        final = _final(row, link, now)
        if final is None and link is not None:
            return await _due(tx, row, link, us=serving.us, sealer=sealer, now=now)
        await end(tx, row, final or OutState.NO_LINK, None, now=now)
    return None


def build(due: Due) -> bytes:
    """Return the message's bytes; SetAside when none can be made. Slow: off the event loop."""
    if due.message is not None:
        return due.message
    if due.outgoing is None:
        raise SetAside("unbuildable")
    source = source_of(due.original) if due.original else None
    outgoing = replace(due.outgoing, source=source)
    return booking(outgoing) if due.row["part"] == APPOINTMENT else build_report(outgoing)


async def begin(
    tx: Transaction, due: Due, message: bytes, token: UUID, *, sealer: Sealer, now: datetime
) -> Attempt | None:
    """Store the bytes and the attempt before anything is sent; None when it was withdrawn."""
    row = due.row
    number = row["attempts"] + 1
    values: dict[str, Any] = {"state": OutState.SENDING, "attempts": number, "lease_token": token}
    if due.message is None:
        values |= {
            "control_id": control_id_of(row["id"]),
            "message_type": read_header(message).message_type[:20],
            "message": sealer.seal_bytes(message, seal_context(row["id"])),
        }
    if not await outbound.write(tx, row, values, state=row["state"]):
        return None
    attempt = {
        "id": new_id(),
        "outbound_id": row["id"],
        "number": number,
        "request_sha256": hashlib.sha256(message).hexdigest(),
        "started_at": now,
    }
    await outbound.begin_attempt(tx, attempt)
    return Attempt(attempt["id"], await outbound.get(tx, row["id"]), due.link, message)


async def cannot_build(tx: Transaction, due: Due, error: SetAside, *, now: datetime) -> None:
    """End a message that cannot be made."""
    await end(tx, due.row, OutState.UNBUILDABLE, error.code, now=now)


def seal_context(outbound_id: UUID) -> str:
    """Return what binds a sealed outbound message to its row."""
    return f"outbound:{outbound_id}"


def _final(row: RowMapping, link: Link | None, now: datetime) -> OutState | None:
    """Return how a message ends without another try, if it does."""
    if row["withdrawn"]:
        return OutState.WITHDRAWN
    if link is None:
        return OutState.NO_LINK
    spent = is_exhausted(row["tries"], age(row, now))
    return OutState.UNREACHABLE if spent else None


async def _due(
    tx: Transaction,
    row: RowMapping,
    link: Link,
    *,
    us: Us,
    sealer: Sealer,
    now: datetime,
) -> Due:
    if row["message"] is not None:
        message = sealer.unseal_bytes(row["message"], seal_context(row["id"]))
        return Due(row, link, message, None)
    request = EmrDeliveryRequested.model_validate(row["request"])
    content = request.unsealed(sealer, NoticeContent)
    if content is None:
        return Due(row, link, None, None)
    outgoing = Outgoing(control_id_of(row["id"]), now, us, link, request, content)
    outgoing = await _with_booking(tx, row, outgoing)
    correlation = await messages.correlation_of(tx, row["referral_id"])
    if correlation is None:
        return Due(row, link, None, outgoing)
    original = await _original(tx, correlation, link, sealer)
    return Due(row, link, None, _with_echo(outgoing, correlation, sealer), original)


async def _with_booking(tx: Transaction, row: RowMapping, outgoing: Outgoing) -> Outgoing:
    """Add when the appointment was to begin by what the EMR was told last."""
    booked = await outbound.booked_before(tx, row)
    appointment = outgoing.request.appointment
    if booked and appointment and booked["id"] == str(appointment.id):
        return replace(outgoing, booked_before=datetime.fromisoformat(booked["starts_at"]))
    return outgoing


def _with_echo(outgoing: Outgoing, correlation: Correlation, sealer: Sealer) -> Outgoing:
    """Add what is echoed; a message from before providers were kept has none."""
    context = correlation_context(correlation.message_id)
    ids = sealer.unseal_bytes(correlation.patient_ids, context)
    sealed = correlation.provider
    provider = sealer.unseal_bytes(sealed, f"{context}:provider") if sealed is not None else b""
    return replace(
        outgoing,
        placer=correlation.placer,
        patient_ids=ids.decode(),
        provider=provider.decode(),
    )


async def _original(
    tx: Transaction, correlation: Correlation, link: Link, sealer: Sealer
) -> Original:
    """Return the message that the referral came by; its bytes only where the profile answers it."""
    raw, message_id = b"", correlation.message_id
    if link.dialect.profile in sources.ANSWERING:
        sealed = await sources.sealed_bytes(tx, message_id)
        raw = sealer.unseal_bytes(sealed, received_context(message_id))
    return Original(raw, link.charset, cancel_asked=correlation.cancel_asked)
