from datetime import timedelta
from uuid import UUID

from tests.notifications.builders import Desk, hl7_link

from common.events.notification import EmrDeliveryRequested, NoticeDelivered
from common.events.referral import (
    ReferralActivated,
    ReferralEvent,
    ReferralReceived,
    ReferralScheduled,
)
from notifications.ports import FailureClass
from notifications.store import notices

STORY: tuple[type[ReferralEvent], ...] = (ReferralReceived, ReferralScheduled, ReferralActivated)


async def test_notices_of_one_referral_leave_by_fax_one_after_the_other(desk: Desk) -> None:
    """INVARIANT: a clinic never reads the end of a story before its beginning."""
    await desk.know()
    for version, kind in enumerate(STORY, start=1):
        await desk.happen(kind, version=version)
    desk.gateway.results = [FailureClass.BUSY]
    order = []
    for _ in range(12):
        await desk.send_faxes()
        desk.clock.advance(timedelta(minutes=1))
        await desk.watch_faxes()
        order.append([state for _, state in await desk.states()])

    told = await desk.published(NoticeDelivered)
    assert [event.notice for event in told] == [
        "referral_received",
        "referral_scheduled",
        "referral_activated",
    ]
    assert ["queued", "queued", "queued"] in order
    assert ["confirmed", "submitted", "submitted"] not in order


async def test_another_referral_does_not_wait(desk: Desk) -> None:
    await desk.know()
    await desk.happen(ReferralReceived)
    await desk.happen(ReferralScheduled, version=2)
    await desk.happen(ReferralReceived, referral_id=UUID(int=2))
    await desk.send_faxes()

    assert [state for _, state in await desk.states()] == ["submitted", "queued", "submitted"]


async def test_emr_bridge_is_given_notices_in_order_without_waiting_for_its_answers(
    desk: Desk,
) -> None:
    await desk.know(channels=("emr",), hl7_links=(hl7_link(),))
    for version, kind in enumerate(STORY, start=1):
        await desk.happen(kind, version=version)
    while await desk.hand_to_emr():
        pass

    requests = await desk.published(EmrDeliveryRequested)
    assert [event.notice for event in requests] == [
        "referral_received",
        "referral_scheduled",
        "referral_activated",
    ]


async def test_an_attempt_that_nobody_waits_for_any_more_does_not_leave(desk: Desk) -> None:
    """INVARIANT: the last look before patient data leaves is at the notice itself."""
    await desk.know()
    await desk.happen(ReferralReceived)
    (row,) = await desk.deliveries()
    async with desk.runtime.db.begin() as tx:
        await notices.confirm(tx, row["notice_id"], by=row["id"], at=desk.clock())

    await desk.send_faxes()

    assert desk.gateway.sent == []
    assert await desk.states() == [("fax", "withdrawn")]
