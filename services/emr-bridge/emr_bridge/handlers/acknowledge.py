"""An application's answer that comes by itself: late on our connection, or at our own listener."""

from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import RowMapping

from common import metrics
from common.database import Transaction
from emr_bridge.domain.outgoing import OutState
from emr_bridge.domain.redelivery import Decision, Policy
from emr_bridge.formats.hl7v2.ack import read_acknowledgement
from emr_bridge.handlers.answers import Judged, judge
from emr_bridge.handlers.attempt import policy_of
from emr_bridge.handlers.outcome import Means, application_context, conclude
from emr_bridge.store import links, outbound

log = structlog.get_logger()

OPEN_TO_ANSWERS = (OutState.COMMITTED, OutState.WAITING)
"""The far side has the message, or may have it, and we wait for its word."""

GIVEN_UP = (OutState.PARKED, OutState.UNREACHABLE)
"""That the far side took it is true whatever we had given up before; only AA is heard."""


async def take_answer(
    tx: Transaction, raw: bytes, *, link_id: str | None, means: Means, now: datetime
) -> bool:
    """Record what an application says of a message of ours; False when it names none.

    `link_id` is the link that it came by, None where the sender is not known: then nothing counts.
    """
    said = read_acknowledgement(raw)
    if said is None or not said.control_id or link_id is None:
        return False
    row = await outbound.by_control_id(tx, said.control_id)
    if row is None or row["link_id"] != link_id:
        return False
    link = await links.sendable(tx, link_id)
    judged = judge(raw, policy_of(link) if link else Policy())
    if judged is None:
        return False
    name = judged.decision.value
    metrics.delivery_attempts.labels("emr", name).inc()
    log.info("application_answered", link=link_id, control_id=said.control_id, verdict=name)
    await _apply(tx, row, judged, raw, means=means, now=now)
    return True


async def _apply(
    tx: Transaction,
    row: RowMapping,
    judged: Judged,
    raw: bytes,
    *,
    means: Means,
    now: datetime,
) -> None:
    sealed = means.sealer.seal_bytes(raw, application_context(row))
    kept: dict[str, Any] = {"application_answer": sealed}
    if row["state"] == OutState.SENDING:
        # The exchange is not over: whoever records its end reads this first.
        await outbound.write(tx, row, kept, state=OutState.SENDING)
        return
    late = row["state"] in GIVEN_UP and judged.decision is Decision.DELIVERED
    if row["state"] not in OPEN_TO_ANSWERS and not late:
        return
    await outbound.write(tx, row, kept, state=row["state"])
    await conclude(tx, row, judged, means=means, now=now)
