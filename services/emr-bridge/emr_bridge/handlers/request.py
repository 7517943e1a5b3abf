"""Take a delivery on, or take it back, as notifications asks."""

from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import RowMapping

from common import outbox
from common.database import Transaction
from common.events.emr import MessageNotDelivered
from common.events.notification import EmrDeliveryRequested, EmrDeliveryWithdrawn
from common.ids import new_id
from emr_bridge.domain.link import Link
from emr_bridge.domain.outgoing import APPOINTMENT, REPORT, OutState
from emr_bridge.formats.hl7v2.builders import is_booked
from emr_bridge.store import links, messages, outbound

log = structlog.get_logger()


async def request_delivery(tx: Transaction, event: EmrDeliveryRequested, now: datetime) -> None:
    """Queue a notice for the clinic's link; where there is none, say so at once."""
    link = await _link_for(tx, event)
    if link is None:
        refused = _row(event, REPORT, None, now) | {"state": OutState.NO_LINK, "ended_at": now}
        if await outbound.add(tx, [refused]):
            await outbox.append(tx, _no_link(event, now), now=now)
        return
    await outbound.add(tx, [_row(event, part, link, now) for part in _parts(event, link)])
    log.info("delivery_queued", delivery_id=str(event.delivery_id), link=link.id, kind=event.notice)


async def withdraw(tx: Transaction, event: EmrDeliveryWithdrawn, now: datetime) -> None:
    """Stop a delivery. One that is in flight ends with its answer; one that ended stays as it is.

    One that is parked was told as not delivered before: it is put away, so that nobody replays
    what the clinic has by another way.
    """
    rows = await outbound.of_delivery(tx, event.delivery_id)
    report = next((row for row in rows if row["part"] == REPORT), None)
    if report is None:
        return
    state = OutState(report["state"])
    if state in (OutState.SENDING, OutState.COMMITTED):
        await outbound.write(tx, report, {"withdrawn": True}, state=state)
    if state not in (OutState.WAITING, OutState.PARKED):
        return
    ended = {"state": OutState.WITHDRAWN, "withdrawn": True, "ended_at": now}
    if not await outbound.write(tx, report, ended, state=state):
        return
    await outbound.give_up_rest(tx, event.delivery_id, now)
    if state is OutState.WAITING:
        await outbox.append(tx, _withdrawn(event, report, now), now=now)


async def _link_for(tx: Transaction, event: EmrDeliveryRequested) -> Link | None:
    """Choose the link that the referral came by, else the clinic's first that can be sent to."""
    reachable = await links.reachable(tx, event.clinic_id)
    correlation = await messages.correlation_of(tx, event.referral_id)
    same = [link for link in reachable if correlation and link.id == correlation.link_id]
    return next(iter(same or reachable), None)


def _parts(event: EmrDeliveryRequested, link: Link) -> list[str]:
    """Return what is sent: the readable message, and the booking for those who file bookings."""
    booked = event.appointment is not None and is_booked(event.notice)
    return [REPORT, APPOINTMENT] if booked and link.dialect.appointments else [REPORT]


def _row(
    event: EmrDeliveryRequested, part: str, link: Link | None, now: datetime
) -> dict[str, Any]:
    return {
        "id": new_id(),
        "delivery_id": event.delivery_id,
        "part": part,
        "referral_id": event.referral_id,
        "clinic_id": event.clinic_id,
        "link_id": link.id if link else None,
        "notice": event.notice,
        "request": event.model_dump(mode="json", exclude_none=True),
        "state": OutState.WAITING,
        "next_attempt_at": now,
        "created_at": now,
    }


def _no_link(event: EmrDeliveryRequested, now: datetime) -> MessageNotDelivered:
    return MessageNotDelivered(
        occurred_at=now,
        delivery_id=event.delivery_id,
        referral_id=event.referral_id,
        verdict="no_link",
        attempts=0,
    )


def _withdrawn(
    event: EmrDeliveryWithdrawn, report: RowMapping, now: datetime
) -> MessageNotDelivered:
    return MessageNotDelivered(
        occurred_at=now,
        delivery_id=event.delivery_id,
        referral_id=report["referral_id"],
        verdict="withdrawn",
        attempts=report["attempts"],
    )
