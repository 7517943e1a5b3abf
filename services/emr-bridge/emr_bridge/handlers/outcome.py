"""What came of an attempt, and what is told of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import RowMapping

from common import metrics, outbox, tracing
from common.database import Transaction
from common.events.emr import EmrEvent, MessageDelivered, MessageNotDelivered, Verdict
from common.sealing import Sealer
from emr_bridge.domain.outgoing import REPORT, OutState
from emr_bridge.domain.redelivery import (
    HELD_FOR,
    Decision,
    is_exhausted,
    rest_after,
    wait_after,
)
from emr_bridge.handlers.answers import Judged, judge, reason
from emr_bridge.handlers.attempt import Attempt, policy_of
from emr_bridge.ports import Answered, Exchange, NotSent
from emr_bridge.store import condition, outbound

log = structlog.get_logger()

VERDICTS: dict[OutState, Verdict] = {
    OutState.PARKED: "refused",
    OutState.REFUSED: "refused",
    OutState.UNREACHABLE: "unreachable",
    OutState.WITHDRAWN: "withdrawn",
    OutState.UNBUILDABLE: "unbuildable",
    OutState.NO_LINK: "no_link",
}


@dataclass(frozen=True, slots=True)
class Means:
    """What recording needs beside the facts: chance, keys, and how long an application may take."""

    sealer: Sealer
    jitter: float = 0.0
    application_wait: timedelta = timedelta(minutes=10)


async def record(
    tx: Transaction, attempt: Attempt, exchange: Exchange, *, means: Means, now: datetime
) -> None:
    """Record an attempt's end and what follows from it: an end, a wait, or another try later."""
    row = await outbound.get_held(tx, attempt.row)
    if row is None:
        log.warning("attempt_of_lost_lease", state="ignored")
        return
    answer = exchange.answer if isinstance(exchange, Answered) else None
    judged = judge(answer, policy_of(attempt.link))
    name = judged.decision.value if judged else reason(exchange)
    sealed = means.sealer.seal_bytes(answer, f"attempt:{attempt.id}") if answer else None
    ended = {"answer": sealed, "verdict": name, "ended_at": now}
    await outbound.end_attempt(tx, attempt.id, ended)
    committed = judged is not None and judged.decision is Decision.COMMIT
    metrics.delivery_attempts.labels("emr", "submitted" if committed else name).inc()
    log.info("message_sent", link=row["link_id"], control_id=row["control_id"], verdict=name)
    wait = await _note_link(tx, attempt, exchange, judged, means=means, now=now)
    final = _early_answer(row, judged, attempt, means.sealer) or judged
    if final is not None:
        await conclude(tx, row, final, means=means, now=now)
    else:
        reached = not isinstance(exchange, NotSent)
        again = Again(reason(exchange), wait, reached=reached)
        await _again(tx, row, again, means=means, now=now)


def _early_answer(
    row: RowMapping, judged: Judged | None, attempt: Attempt, sealer: Sealer
) -> Judged | None:
    """Return what the application said elsewhere while we still waited for this exchange to end."""
    settled = judged is not None and judged.decision is not Decision.COMMIT
    if settled or row["application_answer"] is None:
        return None
    raw = sealer.unseal_bytes(row["application_answer"], application_context(row))
    return judge(raw, policy_of(attempt.link))


def application_context(row: RowMapping) -> str:
    """Return what binds an application's sealed answer to its message."""
    return f"outbound:{row['id']}:application"


async def conclude(
    tx: Transaction, row: RowMapping, judged: Judged, *, means: Means, now: datetime
) -> None:
    """Do what an answer decides: done, wait for the application, park, or try again."""
    if judged.decision is Decision.DELIVERED:
        await end(tx, row, OutState.DELIVERED, judged.code, now=now)
    elif judged.decision is Decision.COMMIT:
        until = now + means.application_wait
        values = {"state": OutState.COMMITTED, "next_attempt_at": until, "last_code": judged.code}
        await outbound.write(tx, row, values | {"lease_token": None}, state=row["state"])
    elif judged.decision is Decision.PARK:
        state = OutState.WITHDRAWN if row["withdrawn"] else OutState.PARKED
        await end(tx, row, state, judged.code, now=now)
    else:
        again = Again(judged.code, timedelta(0), reached=True)
        await _again(tx, row, again, means=means, now=now)


async def end(
    tx: Transaction, row: RowMapping, state: OutState, code: str | None, *, now: datetime
) -> None:
    """End or park a message and, with the report, its delivery; tell notifications of it.

    What is parked is told as not delivered: the clinic's next channel must not wait for a person.
    Should it be delivered after all, the first confirmation counts.
    """
    values = {"state": state, "ended_at": now, "last_code": code, "lease_token": None}
    if not await outbound.write(tx, row, values, state=row["state"]):
        return
    if state is OutState.PARKED:
        log.warning("message_parked", link=row["link_id"], control_id=row["control_id"], code=code)
    if row["part"] != REPORT:
        return
    if state is not OutState.DELIVERED:
        await outbound.give_up_rest(tx, row["delivery_id"], now)
    trace = tracing.nearest(row["traceparent"])
    with tracing.span(
        "tell outcome", parent=trace, delivery_id=row["delivery_id"], state=state.value
    ):
        await outbox.append(tx, _event(row, state, code, now), now=now)


async def settle_overdue(tx: Transaction, *, now: datetime) -> int:
    """Park what an EMR took over (CA) and whose application never answered; return how many."""
    late = await outbound.overdue(tx, now)
    for row in late:
        state = OutState.WITHDRAWN if row["withdrawn"] else OutState.PARKED
        await end(tx, row, state, "CA no_application_ack", now=now)
    return len(late)


@dataclass(frozen=True, slots=True)
class Again:
    """Why a message is to be sent again, when if it never left, and whether it may have arrived."""

    code: str
    wait: timedelta
    reached: bool


async def _again(
    tx: Transaction, row: RowMapping, again: Again, *, means: Means, now: datetime
) -> None:
    """Try again later, unless it was withdrawn meanwhile or has been tried enough."""
    tries = row["tries"] + again.reached
    if row["withdrawn"]:
        await end(tx, row, OutState.WITHDRAWN, again.code, now=now)
    elif is_exhausted(tries, age(row, now)):
        await end(tx, row, OutState.UNREACHABLE, again.code, now=now)
    else:
        later = wait_after(tries, jitter=means.jitter) if again.reached else again.wait
        values: dict[str, Any] = {"tries": tries, "last_code": again.code, "lease_token": None}
        values |= {"state": OutState.WAITING, "next_attempt_at": now + later}
        await outbound.write(tx, row, values, state=row["state"])


def age(row: RowMapping, now: datetime) -> timedelta:
    """Return since when a message is tried: a replay begins anew."""
    since: datetime = row["replayed_at"] or row["created_at"]
    return now - since


async def _note_link(
    tx: Transaction,
    attempt: Attempt,
    exchange: Exchange,
    judged: Judged | None,
    *,
    means: Means,
    now: datetime,
) -> timedelta:
    """Note how the link is; return how long it rests when it cannot be reached."""
    link_id = attempt.link.id
    if judged is not None:
        await condition.note_answer(tx, link_id, judged.code, now=now)
        await _note_circuit(tx, attempt, judged, now)
    elif isinstance(exchange, NotSent):
        failures = await condition.note_down(tx, link_id, exchange.reason, now=now)
        wait = wait_after(failures, jitter=means.jitter)
        await condition.rest_until(tx, link_id, now + wait)
        return wait
    else:
        await condition.note_trouble(tx, link_id, reason(exchange))
    return timedelta(0)


async def _note_circuit(tx: Transaction, attempt: Attempt, judged: Judged, now: datetime) -> None:
    """Leave a link alone that refuses everything, or that is in strict order and has one parked."""
    link_id = attempt.link.id
    faults = await condition.note_fault(tx, link_id, is_fault=judged.is_fault)
    if rest := rest_after(faults):
        log.warning("link_circuit_opened", link=link_id, code=judged.code)
        await condition.rest_until(tx, link_id, now + rest, circuit="open")
    elif judged.decision is Decision.PARK and attempt.link.dialect.nack == "hold-link":
        log.warning("link_held", link=link_id, code=judged.code)
        await condition.rest_until(tx, link_id, now + HELD_FOR, circuit="held")


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
