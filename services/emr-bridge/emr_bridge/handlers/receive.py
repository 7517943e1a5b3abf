"""Keep what arrives and say so: AA means kept durably, nothing more.

Takes several messages at once, so that they can share a commit; each has its own answer.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import structlog

from common import metrics, outbox
from common.database import Transaction
from common.events.clinic import sender_key
from common.events.emr import MessageReceived
from common.ids import new_id
from common.sealing import Sealer
from emr_bridge.domain.link import Link
from emr_bridge.domain.message import State
from emr_bridge.formats.hl7v2 import ack
from emr_bridge.formats.hl7v2.ack import Refusal, acknowledge, control_id_of
from emr_bridge.formats.hl7v2.header import Header, read_header
from emr_bridge.formats.hl7v2.interpret import EVENTS
from emr_bridge.store import links, messages
from emr_bridge.store.messages import NewMessage

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message at the door: what is known of it before it is kept."""

    id: UUID
    raw: bytes
    header: Header
    sha256: str
    state: State
    refusal: Refusal | None

    @property
    def key(self) -> str:
        """What may be kept only once.

        The sender's control id, for a message that we take; with the bytes, for one that we
        refuse (it may be mended and come again under its id); the bytes alone, without an id.
        """
        header = self.header
        claimed = (header.raw(3), header.raw(4), header.raw(10))
        if not header.raw(10) or self.state is State.IGNORED:
            return self.sha256
        own = () if self.state is State.RECEIVED else (self.sha256.encode(),)
        return hashlib.sha256(b"\x1f".join([*claimed, *own])).hexdigest()


async def receive(
    tx: Transaction, raws: Sequence[bytes], *, sealer: Sealer, now: datetime
) -> list[bytes | None]:
    """Keep messages; return the answer of each, to be sent only after the commit.

    The same key with the same bytes gets the answer that was given before and is kept once; the
    same key with other bytes is kept beside it and answered AE (205).
    """
    arrivals = [examine(raw) for raw in raws]
    senders = await _links(tx, arrivals)
    answers = await _keep(tx, arrivals, senders, sealer, now)
    again = [
        replace(arrival, state=State.CONFLICTING, refusal=ack.REUSED_CONTROL_ID)
        for arrival in arrivals
        if arrival.id not in answers
    ]
    answers |= await _keep(tx, again, senders, sealer, now)
    return [answers[arrival.id] or None for arrival in arrivals]


def examine(raw: bytes) -> Arrival:
    """Decide from MSH alone whether we take a message."""
    header = read_header(raw)
    refusal = _refusal(header)
    state = State.REFUSED if refusal else State.RECEIVED
    if ack.is_acknowledgement(header):
        state, refusal = State.IGNORED, None
    return Arrival(new_id(), raw, header, hashlib.sha256(raw).hexdigest(), state, refusal)


def cannot_store(raw: bytes, *, now: datetime) -> bytes | None:
    """Return the answer to a message that could not be kept: the sender shall send it again."""
    return _refuse(raw, ack.CANNOT_STORE, now)


def too_large(head: bytes, *, now: datetime) -> bytes:
    """Return the answer to a message above the size limit, from its beginning."""
    return _refuse(head, ack.TOO_LARGE, now) or b""


def _refuse(raw: bytes, refusal: Refusal, now: datetime) -> bytes | None:
    header = read_header(raw)
    if ack.is_acknowledgement(header):
        return None
    return acknowledge(header, refusal, control_id=control_id_of(new_id()), now=now)


def _refusal(header: Header) -> Refusal | None:
    if header.is_batch:
        return ack.BATCH
    if not header.is_readable:
        return ack.NO_HEADER
    name, event = header.kind
    if name not in EVENTS:
        return ack.UNKNOWN_TYPE
    return None if not event or event in EVENTS[name] else ack.UNKNOWN_EVENT


async def _keep(
    tx: Transaction,
    arrivals: Sequence[Arrival],
    senders: dict[UUID, Link],
    sealer: Sealer,
    now: datetime,
) -> dict[UUID, bytes]:
    """Keep what is new; return the answers, also of what was there with the same bytes."""
    rows = [_row(arrival, senders.get(arrival.id), sealer, now) for arrival in arrivals]
    kept = await messages.add_all(tx, rows)
    new = [row for row in rows if row.id in kept]
    await outbox.append_all(tx, [_received(row, now) for row in new], now=now)
    for row in new:
        _note(row)
    answers = {row.id: row.ack for row in new}
    repeats = [row for row in rows if row.id not in kept]
    if repeats:
        before = await messages.kept_answers(tx, [row.dedup_key for row in repeats])
        same = [row for row in repeats if before[row.dedup_key][0] == row.sha256]
        log.info("messages_repeated", duplicates=len(same))
        answers |= {row.id: before[row.dedup_key][1] for row in same}
    return answers


def _row(arrival: Arrival, link: Link | None, sealer: Sealer, now: datetime) -> NewMessage:
    header, refusal = arrival.header, arrival.refusal
    control_id = control_id_of(new_id())
    answer = acknowledge(header, refusal, control_id=control_id, now=now)
    return NewMessage(
        id=arrival.id,
        dedup_key=arrival.key,
        sha256=arrival.sha256,
        raw=sealer.seal_bytes(arrival.raw, seal_context(arrival.id)),
        size=len(arrival.raw),
        sender=header.sender,
        control_id=header.control_id,
        message_type=header.message_type[:100],
        link_id=link.id if link else None,
        clinic_id=link.clinic_id if link else None,
        state=arrival.state,
        reason=f"hl7_{refusal.error}" if refusal else None,
        ack=b"" if arrival.state is State.IGNORED else answer,
        received_at=now,
    )


def seal_context(message_id: UUID) -> str:
    """Return what binds a message's sealed bytes to its row."""
    return f"message:{message_id}"


def _received(row: NewMessage, now: datetime) -> MessageReceived:
    return MessageReceived(
        occurred_at=now,
        message_id=row.id,
        sender=row.sender,
        link_id=row.link_id,
        message_type=row.message_type,
        control_id=row.control_id,
    )


async def _links(tx: Transaction, arrivals: Sequence[Arrival]) -> dict[UUID, Link]:
    """Find each sender's link; MSH-3 and MSH-4 are compared whole, then by first component."""
    wanted = {arrival.id: sender_keys(arrival.header) for arrival in arrivals}
    known = await links.by_sender(tx, (key for keys in wanted.values() for key in keys))
    found = {identifier: first_link(known, keys) for identifier, keys in wanted.items()}
    return {identifier: link for identifier, link in found.items() if link}


def sender_keys(header: Header) -> tuple[str, str]:
    """Return by what a sender may be known: its fields whole, and their first components."""
    whole = sender_key(header.text(3), header.text(4))
    return whole, sender_key(header.component(3, 1), header.component(4, 1))


def first_link(known: dict[str, Link | None], keys: Iterable[str]) -> Link | None:
    """Return the link of the first key that one clinic alone claims."""
    return next((link for key in keys if (link := known.get(key))), None)


def _note(row: NewMessage) -> None:
    metrics.messages_received.labels("mllp", row.state.value).inc()
    log.info(
        "message_stored",
        message_id=str(row.id),
        link=row.link_id,
        message_type=row.message_type,
        state=row.state.value,
        size=row.size,
    )
