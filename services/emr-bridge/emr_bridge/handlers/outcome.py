"""What came of an attempt, and what is told of it."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import RowMapping

from common import metrics, outbox, tracing
from common.database import Transaction
from common.events.emr import EmrEvent, MessageDelivered, MessageNotDelivered, Verdict
from common.sealing import Sealer
from emr_bridge.domain.outgoing import REPORT, OutState
from emr_bridge.domain.redelivery import Decision, decide, is_exhausted, wait_after
from emr_bridge.formats.hl7v2.ack import Acknowledgement, read_acknowledgement
from emr_bridge.ports import Answered, Exchange, NotSent
from emr_bridge.store import links, outbound

log = structlog.get_logger()

VERDICTS: dict[OutState, Verdict] = {
    OutState.REFUSED: "refused",
    OutState.UNREACHABLE: "unreachable",
    OutState.WITHDRAWN: "withdrawn",
    OutState.UNBUILDABLE: "unbuildable",
    OutState.NO_LINK: "no_link",
}


def is_answer_to(control_id: str, message: bytes) -> bool:
    """Tell whether a message acknowledges ours: MSA-2 is our MSH-10."""
    found = read_acknowledgement(message)
    return found is not None and found.control_id == control_id


async def record(
    tx: Transaction,
    attempt_id: UUID,
    sent: RowMapping,
    exchange: Exchange,
    *,
    jitter: float = 0.0,
    sealer: Sealer,
    now: datetime,
) -> None:
    """Record an attempt's end and what follows from it: an end, or another try later."""
    row = await outbound.get_held(tx, sent)
    if row is None:
        log.warning("attempt_of_lost_lease", state="ignored")
        return
    answer = exchange.answer if isinstance(exchange, Answered) else None
    said = read_acknowledgement(answer) if answer is not None else None
    verdict = decide(said.code, said.errors) if said else None
    name = verdict.value if verdict else _reason(exchange)
    sealed = sealer.seal_bytes(answer, f"attempt:{attempt_id}") if answer is not None else None
    ended = {"answer": sealed, "verdict": name, "ended_at": now}
    await outbound.end_attempt(tx, attempt_id, ended)
    metrics.delivery_attempts.labels("emr", name).inc()
    log.info("message_sent", link=row["link_id"], control_id=row["control_id"], verdict=name)
    wait = await _note_link(tx, row, exchange, jitter=jitter, now=now)
    if verdict is Decision.DELIVERED and said:
        await end(tx, row, OutState.DELIVERED, said.code, now=now)
    elif verdict is Decision.PARK and said:
        await end(tx, row, OutState.REFUSED, _code(said), now=now)
    else:
        code = _code(said) if said else _reason(exchange)
        reached = not isinstance(exchange, NotSent)
        await _again(tx, row, code, reached=reached, wait=wait, jitter=jitter, now=now)


async def end(
    tx: Transaction, row: RowMapping, state: OutState, code: str | None, *, now: datetime
) -> None:
    """End a message and, with the report, its delivery; tell notifications of it once."""
    values = {"state": state, "ended_at": now, "last_code": code, "lease_token": None}
    if not await outbound.write(tx, row, values, state=row["state"]) or row["part"] != REPORT:
        return
    if state is not OutState.DELIVERED:
        await outbound.give_up_rest(tx, row["delivery_id"], now)
    trace = tracing.nearest(row["traceparent"])
    with tracing.span(
        "tell outcome", parent=trace, delivery_id=row["delivery_id"], state=state.value
    ):
        await outbox.append(tx, _event(row, state, code, now), now=now)


async def _again(
    tx: Transaction,
    row: RowMapping,
    code: str,
    *,
    reached: bool,
    wait: timedelta,
    jitter: float,
    now: datetime,
) -> None:
    """Try again later, unless it was withdrawn meanwhile or has been tried enough."""
    tries = row["tries"] + reached
    if row["withdrawn"]:
        await end(tx, row, OutState.WITHDRAWN, code, now=now)
    elif is_exhausted(tries, now - row["created_at"]):
        await end(tx, row, OutState.UNREACHABLE, code, now=now)
    else:
        later = wait_after(tries, jitter=jitter) if reached else wait
        values: dict[str, Any] = {"tries": tries, "last_code": code, "lease_token": None}
        values |= {"state": OutState.WAITING, "next_attempt_at": now + later}
        await outbound.write(tx, row, values, state=OutState.SENDING)


async def _note_link(
    tx: Transaction, row: RowMapping, exchange: Exchange, *, jitter: float, now: datetime
) -> timedelta:
    """Note how the link is; return how long it rests when it cannot be reached."""
    link_id = row["link_id"]
    if isinstance(exchange, Answered):
        await links.note_up(tx, link_id)
    elif isinstance(exchange, NotSent):
        failures = await links.note_down(tx, link_id, exchange.reason, now=now)
        wait = wait_after(failures, jitter=jitter)
        await links.rest_until(tx, link_id, now + wait)
        return wait
    else:
        await links.note_trouble(tx, link_id, exchange.reason)
    return timedelta(0)


def _event(row: RowMapping, state: OutState, code: str | None, now: datetime) -> EmrEvent:
    about: dict[str, Any] = {
        "occurred_at": now,
        "delivery_id": row["delivery_id"],
        "referral_id": row["referral_id"],
        "attempts": row["attempts"],
    }
    if state is OutState.DELIVERED:
        control_id = str(row["control_id"])
        return MessageDelivered(**about, control_id=control_id, acknowledgement=code or "")
    return MessageNotDelivered(**about, verdict=VERDICTS[state], code=code)


def _code(said: Acknowledgement) -> str:
    """Return what was answered, in codes alone: `AE 101`. A far side may write anything there."""
    codes = [said.code, *said.errors]
    return " ".join(code[:10] for code in codes if code.isalnum())[:100]


def _reason(exchange: Exchange) -> str:
    if isinstance(exchange, Answered):
        return "not_an_answer"
    state = "not_sent" if isinstance(exchange, NotSent) else "unanswered"
    return f"{state}_{exchange.reason}"
