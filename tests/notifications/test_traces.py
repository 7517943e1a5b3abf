"""Whoever goes on with a notice, hours later, goes on in the trace of what it tells of."""

from datetime import timedelta

from sqlalchemy import update
from tests.notifications.builders import Desk, hl7_link

from common import tracing
from common.events.envelope import Event
from common.events.notification import (
    EmrDeliveryRequested,
    NoticeDelivered,
    PromiseAtRisk,
    PromiseBroken,
)
from common.events.referral import PriorAuthorizationChanged, ReferralEvent, ReferralReceived
from common.tables import outbox
from notifications.ports import FailureClass
from notifications.store import tables

GIVEN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE = GIVEN[3:35]
EMR_AND_FAX = {"channels": ("fax", "emr"), "hl7_links": (hl7_link(),)}


async def traces_of(desk: Desk, *kinds: type[Event]) -> set[str | None]:
    types = {kind.type for kind in kinds}
    rows = [row for row in await desk.rows(outbox) if row["headers"]["ce_type"] in types]
    assert rows
    return {tracing.trace_id_of(row["headers"].get("traceparent")) for row in rows}


async def happen_in_trace(desk: Desk, kind: type[ReferralEvent] = ReferralReceived) -> None:
    with tracing.span("handle", parent=GIVEN):
        await desk.happen(kind)


async def test_a_confirmation_by_the_clock_of_a_worker_is_told_in_the_notices_trace(
    desk: Desk,
) -> None:
    await desk.know(channels=("fax",))
    await happen_in_trace(desk)
    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()
    assert await traces_of(desk, NoticeDelivered) == {TRACE}


async def test_a_retry_the_next_channel_and_the_promise_stay_in_the_trace(desk: Desk) -> None:
    await desk.know(**EMR_AND_FAX)
    await happen_in_trace(desk)
    desk.gateway.results = [FailureClass.BUSY]
    await desk.send_faxes()
    await desk.pass_time(timedelta(minutes=45))
    await desk.hand_to_emr()
    await desk.pass_time(timedelta(minutes=15))

    told = (PromiseAtRisk, EmrDeliveryRequested, PromiseBroken)
    assert await traces_of(desk, *told) == {TRACE}
    assert [tracing.trace_id_of(row["traceparent"]) for row in await desk.deliveries()] == [
        TRACE,
        TRACE,
    ]


async def test_an_event_of_a_clinic_that_is_not_known_yet_keeps_its_trace(desk: Desk) -> None:
    await happen_in_trace(desk)
    await desk.know(channels=("fax",))
    [delivery] = await desk.deliveries()
    assert tracing.trace_id_of(delivery["traceparent"]) == TRACE


async def test_still_pending_is_a_trace_of_its_own(desk: Desk) -> None:
    await desk.know(channels=("fax",))
    await happen_in_trace(desk, PriorAuthorizationChanged)
    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()
    await desk.pass_time(timedelta(hours=24))
    first, pending = await desk.rows(tables.notices)
    assert tracing.trace_id_of(first["traceparent"]) == TRACE
    assert tracing.trace_id_of(pending["traceparent"]) not in {None, TRACE}


async def test_rows_of_a_release_without_traces_are_delivered_all_the_same(desk: Desk) -> None:
    await desk.know(channels=("fax",))
    await desk.happen(ReferralReceived)
    async with desk.runtime.db.begin() as tx:
        for table in (tables.deliveries, tables.notices):
            await tx.execute(update(table).values(traceparent=None))
    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()
    assert await desk.states() == [("fax", "confirmed")]
