"""Keep what arrives and say so: AA means kept durably, nothing more.

`prepare` decides from MSH alone, before any transaction; nearly every message is kept as prepared
(`store.arrivals`). `receive` is the whole way, for those that are not new: several at once share a
commit, each has its own answer.
"""

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import structlog

from common.database import Transaction
from common.ids import new_id
from common.sealing import Sealer
from emr_bridge.domain.link import Link
from emr_bridge.domain.message import State
from emr_bridge.domain.peer import Peer
from emr_bridge.formats.hl7v2 import ack
from emr_bridge.formats.hl7v2.ack import Refusal, acknowledge, control_id_of
from emr_bridge.formats.hl7v2.header import Header, read_header
from emr_bridge.formats.hl7v2.manner import manner_of
from emr_bridge.handlers.door import TAKEN, Decision, Verdict, dialect_of, judge
from emr_bridge.handlers.senders import NO_SENDERS, NOWHERE, Senders, Whence, all_senders
from emr_bridge.store import messages
from emr_bridge.store.messages import NewMessage

log = structlog.get_logger()


class Outcome(NamedTuple):
    """A message's answer (None: it is never answered), and its row where it was kept just now."""

    answer: bytes | None
    new: NewMessage | None = None


class Given(NamedTuple):
    """What is decided by beside the header and the links."""

    peer: Peer
    size: int
    processing_ids: Collection[str]
    refusal: Refusal | None


def prepare(
    raw: bytes,
    senders: Senders,
    *,
    whence: Whence = NOWHERE,
    sealer: Sealer,
    now: datetime,
    processing_ids: Collection[str] = (),
    refusal: Refusal | None = None,
) -> NewMessage:
    """Return the row of a message and the answer in it, decided before it is kept.

    With a `refusal` the message is kept beside another that has its control id.
    """
    header, sha256 = read_header(raw), hashlib.sha256(raw).hexdigest()
    given = Given(whence.peer, len(raw), processing_ids, refusal)
    decided = _decided(header, senders, given)
    verdict = decided.verdict
    identifier = new_id()
    return NewMessage(
        id=identifier,
        dedup_key=_key(header, sha256, verdict.state, again=refusal is not None),
        sha256=sha256,
        raw=sealer.seal_bytes(raw, seal_context(identifier)),
        size=len(raw),
        sender=decided.sender,
        control_id=header.control_id,
        message_type=decided.message_type,
        link_id=decided.link_id,
        clinic_id=decided.clinic_id,
        state=verdict.state,
        reason=verdict.refusal.reason if verdict.refusal else None,
        ack=_answer(header, verdict, now, identifier) if decided.is_answered else b"",
        received_at=now,
        traceparent=whence.trace,
    )


def _decided(header: Header, senders: Senders, given: Given) -> Decision:
    """Return what is decided of a message: what was, where the last one's header said the same.

    Headers of one sender differ in time and control id; of the rest nothing is decided anew.
    """
    fields = header.fields
    told = (fields[:4], fields[8:9], fields[10:12], fields[14:16], header.is_batch, given.peer)
    known = None if given.refusal else senders.decisions.get(told)
    if known is not None and (known.limit is None or given.size <= known.limit):
        return known
    decision = _decide(header, senders, given)
    if given.refusal is None and (decision.limit is None or given.size <= decision.limit):
        senders.remember(told, decision)
    return decision


def _decide(header: Header, senders: Senders, given: Given) -> Decision:
    link = senders.link_of(header)
    is_foreign = senders.is_foreign(link, given.peer)
    verdict = judge(
        header,
        link,
        is_foreign=is_foreign,
        size=given.size,
        processing_ids=given.processing_ids,
        refusal=_unless_taken_again(given.refusal, link),
    )
    ours = None if is_foreign else link
    return Decision(
        verdict=verdict,
        is_answered=verdict.is_answered,
        sender=header.sender,
        message_type=header.message_type[:100],
        link_id=ours.id if ours else None,
        clinic_id=ours.clinic_id if ours else None,
        limit=dialect_of(link).max_message_bytes,
    )


async def receive(
    tx: Transaction,
    raws: Sequence[bytes],
    *,
    whence: Sequence[Whence] = (),
    sealer: Sealer,
    now: datetime,
    senders: Senders | None = None,
    processing_ids: Collection[str] = (),
) -> list[Outcome]:
    """Keep messages; return the answer of each, to be sent only after the commit.

    The same key with the same bytes gets the answer that was given before and is kept once; the
    same key with other bytes is kept beside it and answered AE (205), or taken where its link
    counts anew. `senders` are all that are known, as they are in this transaction.
    """
    known = senders if senders is not None else await all_senders(tx)
    places = list(whence or [NOWHERE] * len(raws))

    def row_of(place: int, refusal: Refusal | None = None) -> NewMessage:
        return prepare(
            raws[place],
            known,
            whence=places[place],
            sealer=sealer,
            now=now,
            processing_ids=processing_ids,
            refusal=refusal,
        )

    rows = [row_of(place) for place in range(len(raws))]
    outcomes = await _keep(tx, rows)
    again = {
        row.id: row_of(place, ack.REUSED_CONTROL_ID)
        for place, row in enumerate(rows)
        if row.id not in outcomes
    }
    conflicts = await _keep(tx, list(again.values()))
    outcomes |= {identifier: conflicts[row.id] for identifier, row in again.items()}
    return [outcomes[row.id] for row in rows]


def cannot_store(raw: bytes, senders: Senders = NO_SENDERS, *, now: datetime) -> bytes | None:
    """Return the answer to a message that could not be kept: the sender shall send it again."""
    return turn_away(raw, ack.CANNOT_STORE, senders, now=now)


def too_large(head: bytes, senders: Senders = NO_SENDERS, *, now: datetime) -> bytes:
    """Return the answer to a message above the size limit, from its beginning."""
    return turn_away(head, ack.TOO_LARGE, senders, now=now) or b""


def turn_away(
    raw: bytes, refusal: Refusal, senders: Senders = NO_SENDERS, *, now: datetime
) -> bytes | None:
    """Return the answer to a message that is not kept."""
    header = read_header(raw)
    manner = manner_of(header, dialect_of(senders.link_of(header)).acknowledgement)
    is_answer = ack.is_acknowledgement(header)
    verdict = Verdict(State.IGNORED if is_answer else State.REFUSED, refusal, manner)
    return _answer(header, verdict, now, new_id()) if verdict.is_answered else None


def seal_context(message_id: UUID) -> str:
    """Return what binds a message's sealed bytes to its row."""
    return f"message:{message_id}"


def _answer(header: Header, verdict: Verdict, now: datetime, identifier: UUID) -> bytes:
    return acknowledge(
        header,
        verdict.refusal,
        is_enhanced=verdict.manner.is_enhanced,
        control_id=control_id_of(identifier),
        now=now,
    )


def _unless_taken_again(refusal: Refusal | None, link: Link | None) -> Refusal | None:
    """Return no refusal where the link's EMR starts its counter anew: the message is taken then."""
    return refusal if dialect_of(link).reused_control_id == "refuse" else None


def _key(header: Header, sha256: str, state: State, *, again: bool) -> str:
    """Return what may be kept only once.

    The sender's control id, for a message that we take; with the bytes, for one that we refuse (it
    may be mended and come again under its id) or take `again`; the bytes alone, without an id. What
    was refused is told apart: the same bytes may be taken once the link is put right.
    """
    control_id = header.raw(10)
    if not control_id and state is State.REFUSED:
        return hashlib.sha256(b"refused\x1f" + sha256.encode()).hexdigest()
    if not control_id or state is State.IGNORED:
        return sha256
    own = () if state in TAKEN and not again else (sha256.encode(),)
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
        if same:
            log.info("messages_repeated", duplicates=len(same))
        outcomes |= {row.id: Outcome(before[row.dedup_key][1] or None) for row in same}
    return outcomes
