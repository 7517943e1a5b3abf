"""Our application ACK (MSH-16): what came of a message, told as a message of its own."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import RowMapping

from common import metrics
from common.backoff import exponential
from common.database import Transaction
from common.ids import new_id
from common.sealing import Sealer
from emr_bridge.domain.link import Link
from emr_bridge.domain.message import State
from emr_bridge.formats.hl7v2 import ack
from emr_bridge.formats.hl7v2.ack import acknowledge, control_id_of
from emr_bridge.formats.hl7v2.header import read_header
from emr_bridge.formats.hl7v2.manner import manner_of
from emr_bridge.handlers.interpret import Waiting
from emr_bridge.store import readings, replies

log = structlog.get_logger()

LONGEST = timedelta(hours=24)
"""How long an answer is tried to be given."""


def askers(messages: Iterable[Waiting]) -> list[Waiting]:
    """Return the messages that may ask for an application ACK when they are read."""
    return [
        message
        for message in messages
        if message.state is State.RECEIVED and message.link and _may_be_due(message, message.link)
    ]


async def owe(tx: Transaction, asked: Sequence[Waiting], *, sealer: Sealer, now: datetime) -> None:
    """Queue the application ACKs that are due for messages that were just read."""
    became = await readings.states_of(tx, [message.id for message in asked])
    for message in asked:
        is_error = became.get(message.id) == State.REVIEW
        if message.link and message.id in became:
            await _owe(tx, message, message.link, is_error=is_error, sealer=sealer, now=now)


def opened(row: RowMapping, sealer: Sealer) -> bytes:
    """Return the bytes of an answer that is due."""
    return sealer.unseal_bytes(row["message"], _context(row["id"]))


async def give_up_late(tx: Transaction, *, now: datetime) -> None:
    """End the answers that could not be given for so long that nobody waits for them."""
    if late := await replies.give_up(tx, now - LONGEST, now):
        log.warning("application_acks_given_up", count=late)


async def record(tx: Transaction, row: RowMapping, error: str | None, *, now: datetime) -> None:
    """Write that an answer went out, or when it is tried again."""
    attempts = row["attempts"] + 1
    if error is None:
        values: dict[str, Any] = {"state": replies.SENT, "ended_at": now}
    else:
        values = {"next_attempt_at": now + exponential(attempts)}
    metrics.delivery_attempts.labels("emr", "reply_sent" if error is None else "reply_failed").inc()
    link, code = row["link_id"], row["code"]
    log.info("application_ack_sent", link=link, acknowledgement=code, reason=error)
    await replies.write(tx, row, values | {"attempts": attempts, "last_error": error})


async def put_off(
    tx: Transaction, failed: RowMapping, held: Sequence[RowMapping], *, now: datetime
) -> None:
    """Let a link's other answers wait as one does that could not be given; let go those that are held."""
    until = now + exponential(failed["attempts"] + 1)
    for row in held:
        await replies.write(tx, row, {})
    await replies.put_off(tx, failed["link_id"], failed["way"], until)


def _may_be_due(message: Waiting, link: Link) -> bool:
    manner = manner_of(read_header(message.raw), link.dialect.acknowledgement)
    if link.dialect.application_ack_out == "never":
        return False
    return any(manner.wants_application(is_error=is_error) for is_error in (True, False))


async def _owe(
    tx: Transaction,
    message: Waiting,
    link: Link,
    *,
    is_error: bool,
    sealer: Sealer,
    now: datetime,
) -> None:
    header, way = read_header(message.raw), link.dialect.application_ack_out
    if not manner_of(header, link.dialect.acknowledgement).wants_application(is_error=is_error):
        return
    if way == "link" and (link.host is None or link.port is None):
        log.warning("application_ack_without_way", link=link.id, message_id=str(message.id))
        return
    identifier = new_id()
    refusal = ack.NEEDS_REVIEW if is_error else None
    control_id = control_id_of(identifier)
    answer = acknowledge(header, refusal, control_id=control_id, now=now)
    await replies.add(tx, _row(identifier, message.id, link, way, answer, sealer, now))


def _row(
    identifier: UUID,
    message_id: UUID,
    link: Link,
    way: str,
    answer: bytes,
    sealer: Sealer,
    now: datetime,
) -> dict[str, Any]:
    return {
        "id": identifier,
        "message_id": message_id,
        "link_id": link.id,
        "way": way,
        "control_id": control_id_of(identifier),
        "code": ack.code_of(answer),
        "message": sealer.seal_bytes(answer, _context(identifier)),
        "state": replies.WAITING,
        "attempts": 0,
        "next_attempt_at": now,
        "created_at": now,
    }


def _context(reply_id: UUID) -> str:
    return f"reply:{reply_id}"
