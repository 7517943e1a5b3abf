from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.notifications.builders import Desk, hl7_link

from common.errors import Conflict, NotFound
from common.events.notification import NoticeDelivered, PromiseKept
from common.events.referral import ReferralReceived
from notifications.handlers.resend import resend
from notifications.ports import FailureClass
from notifications.store import tables
from notifications.store.deliveries import Request

ASK = Request(by="ops:zz", reason="ZZTEST says the page never came")


async def send_again(desk: Desk, delivery_id: Any, *, confirm_again: bool = False) -> Any:
    async with desk.runtime.db.begin() as tx:
        return await resend(
            tx,
            delivery_id,
            request=ASK,
            confirm_again=confirm_again,
            means=desk.means,
            now=desk.clock(),
        )


async def fail_once(desk: Desk) -> Any:
    await desk.know()
    desk.gateway.results = [FailureClass.DOCUMENT]
    await desk.happen(ReferralReceived)
    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()
    return (await desk.deliveries())[0]["id"]


async def test_a_failed_delivery_sent_again_is_a_new_series_that_keeps_the_promise(
    desk: Desk,
) -> None:
    delivery_id = await fail_once(desk)
    row = await send_again(desk, delivery_id)
    assert (row["series"], row["state"], row["requested_by"]) == (2, "queued", "ops:zz")

    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()

    assert await desk.states() == [("fax", "failed"), ("fax", "confirmed")]
    assert len(await desk.published(PromiseKept)) == 1
    assert await desk.tasks() == [("channels_exhausted", "done")]


async def test_the_reason_is_kept_sealed(desk: Desk) -> None:
    await send_again(desk, await fail_once(desk))
    assert "ZZTEST" not in str(await desk.rows(tables.deliveries))


async def test_a_confirmed_notice_is_sent_again_only_when_that_is_meant(desk: Desk) -> None:
    await desk.know()
    await desk.happen(ReferralReceived)
    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()
    (first,) = await desk.deliveries()
    with pytest.raises(Conflict, match="confirm_again"):
        await send_again(desk, first["id"])

    await send_again(desk, first["id"], confirm_again=True)
    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()

    copy = (await desk.deliveries())[1]
    assert (copy["state"], copy["late"]) == ("confirmed", True)
    assert len(desk.gateway.sent) == 2
    assert len(await desk.published(NoticeDelivered)) == 1


async def test_a_copy_that_fails_asks_a_person_and_tries_no_other_channel(desk: Desk) -> None:
    await desk.know(channels=("fax", "emr"), hl7_links=(hl7_link(),))
    await desk.happen(ReferralReceived)
    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()
    (first,) = await desk.deliveries()
    await send_again(desk, first["id"], confirm_again=True)
    desk.gateway.results = [FailureClass.DOCUMENT]
    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()

    assert await desk.states() == [("fax", "confirmed"), ("fax", "failed")]
    assert await desk.tasks() == [("channels_exhausted", "open")]


async def test_nothing_is_sent_again_while_a_delivery_is_under_way(desk: Desk) -> None:
    await desk.know()
    await desk.happen(ReferralReceived)
    (row,) = await desk.deliveries()
    with pytest.raises(Conflict, match="under way"):
        await send_again(desk, row["id"])


async def test_nothing_is_sent_again_where_nothing_may_go(desk: Desk) -> None:
    delivery_id = await fail_once(desk)
    await desk.know(version=2, channels=(), fax_numbers=())
    with pytest.raises(Conflict, match="cannot be reached"):
        await send_again(desk, delivery_id)
    await desk.know(version=3, channels=(), baa_signed_on=None)
    with pytest.raises(Conflict, match="BAA"):
        await send_again(desk, delivery_id)


async def test_a_delivery_that_does_not_exist_cannot_be_sent_again(desk: Desk) -> None:
    with pytest.raises(NotFound):
        await send_again(desk, UUID(int=5))
