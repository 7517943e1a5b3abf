"""Keep what arrives and say so: AA means kept durably, nothing more.

`prepare` decides from MSH alone, before any transaction; nearly every message is kept as prepared
(`store.arrivals`). `receive` is the whole way, for those that are not new: several at once share a
commit, each has its own answer.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from common.database import Transaction
from common.ids import new_id
from common.sealing import Sealer
from emr_bridge.domain.message import State
from emr_bridge.formats.hl7v2 import ack
from emr_bridge.formats.hl7v2.ack import Refusal, acknowledge, control_id_of
from emr_bridge.formats.hl7v2.header import Header, read_header
from emr_bridge.formats.hl7v2.interpret import EVENTS
from emr_bridge.handlers.senders import Senders, senders_of
from emr_bridge.store import messages
from emr_bridge.store.messages import NewMessage

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outcome:
    """A message's answer (None: it is never answered), and its row where it was kept just now."""

    answer: bytes | None
    new: NewMessage | None = None


def prepare(
    raw: bytes,
    senders: Senders,
    *,
    sealer: Sealer,
    now: datetime,
    refusal: Refusal | None = None,
    trace: str | None = None,
) -> NewMessage:
    """Return the row of a message and the answer in it, decided from MSH alone; `trace` is its own.

    With a `refusal` the message is kept beside another that has its control id.
    """
    header, sha256 = read_header(raw), hashlib.sha256(raw).hexdigest()
    state = State.CONFLICTING
    if refusal is None:
        state, refusal = _decide(header)
    link = senders.link_of(header)
    identifier = new_id()
    return NewMessage(
        id=identifier,
        dedup_key=_key(header, sha256, state),
        sha256=sha256,
        raw=sealer.seal_bytes(raw, seal_context(identifier)),
        size=len(raw),
        sender=header.sender,
        control_id=header.control_id,
        message_type=header.message_type[:100],
        link_id=link.id if link else None,
        clinic_id=link.clinic_id if link else None,
        state=state,
        reason=f"hl7_{refusal.error}" if refusal else None,
        ack=b"" if state is State.IGNORED else _answer(header, refusal, now),
        received_at=now,
        traceparent=trace,
    )


async def receive(
    tx: Transaction,
    raws: Sequence[bytes],
    *,
    traces: Sequence[str | None] = (),
    sealer: Sealer,
    now: datetime,
) -> list[Outcome]:
    """Keep messages; return the answer of each, to be sent only after the commit.

    The same key with the same bytes gets the answer that was given before and is kept once; the
    same key with other bytes is kept beside it and answered AE (205).
    """
    senders = await senders_of(tx, map(read_header, raws))
    of = zip(raws, traces or [None] * len(raws), strict=True)
    rows = [prepare(raw, senders, sealer=sealer, now=now, trace=trace) for raw, trace in of]
    outcomes = await _keep(tx, rows)
    again = {
        row.id: prepare(
            raw,
            senders,
            sealer=sealer,
            now=now,
            refusal=ack.REUSED_CONTROL_ID,
            trace=row.traceparent,
        )
        for raw, row in zip(raws, rows, strict=True)
        if row.id not in outcomes
    }
    conflicts = await _keep(tx, list(again.values()))
    outcomes |= {identifier: conflicts[row.id] for identifier, row in again.items()}
    return [outcomes[row.id] for row in rows]


def cannot_store(raw: bytes, *, now: datetime) -> bytes | None:
    """Return the answer to a message that could not be kept: the sender shall send it again."""
    return _refuse(raw, ack.CANNOT_STORE, now)


def too_large(head: bytes, *, now: datetime) -> bytes:
    """Return the answer to a message above the size limit, from its beginning."""
    return _refuse(head, ack.TOO_LARGE, now) or b""


def seal_context(message_id: UUID) -> str:
    """Return what binds a message's sealed bytes to its row."""
    return f"message:{message_id}"


def _refuse(raw: bytes, refusal: Refusal, now: datetime) -> bytes | None:
    header = read_header(raw)
    return None if ack.is_acknowledgement(header) else _answer(header, refusal, now)


def _answer(header: Header, refusal: Refusal | None, now: datetime) -> bytes:
    return acknowledge(header, refusal, control_id=control_id_of(new_id()), now=now)


def _decide(header: Header) -> tuple[State, Refusal | None]:
    """Tell whether we take a message."""
    if ack.is_acknowledgement(header):
        return State.IGNORED, None
    refusal = _refusal(header)
    return (State.REFUSED if refusal else State.RECEIVED), refusal


def _refusal(header: Header) -> Refusal | None:
    if header.is_batch:
        return ack.BATCH
    if not header.is_readable:
        return ack.NO_HEADER
    name, event = header.kind
    if name not in EVENTS:
        return ack.UNKNOWN_TYPE
    return None if not event or event in EVENTS[name] else ack.UNKNOWN_EVENT


def _key(header: Header, sha256: str, state: State) -> str:
    """Return what may be kept only once.

    The sender's control id, for a message that we take; with the bytes, for one that we refuse (it
    may be mended and come again under its id); the bytes alone, without an id.
    """
    control_id = header.raw(10)
    if not control_id or state is State.IGNORED:
        return sha256
    own = () if state is State.RECEIVED else (sha256.encode(),)
    claimed = (header.raw(3), header.raw(4), control_id, *own)
    return hashlib.sha256(b"\x1f".join(claimed)).hexdigest()


async def _keep(tx: Transaction, rows: Sequence[NewMessage]) -> dict[UUID, Outcome]:
    """Keep what is new; return the outcomes, also of what was there with the same bytes."""
    kept = await messages.add_all(tx, rows)
    outcomes = {row.id: Outcome(row.ack or None, row) for row in rows if row.id in kept}
    repeats = [row for row in rows if row.id not in kept]
    if repeats:
        before = await messages.kept_answers(tx, [row.dedup_key for row in repeats])
        same = [row for row in repeats if before[row.dedup_key][0] == row.sha256]
        log.info("messages_repeated", duplicates=len(same))
        outcomes |= {row.id: Outcome(before[row.dedup_key][1] or None) for row in same}
    return outcomes
