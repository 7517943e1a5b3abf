import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from tests.notifications.builders import Desk, hl7_link

from common.events.emr import MessageNotDelivered
from common.events.notification import (
    DeliveryFailed,
    EmrDeliveryRequested,
    EmrDeliveryWithdrawn,
    NoticeContent,
    NoticeDelivered,
    PromiseAtRisk,
    PromiseBroken,
    PromiseKept,
)
from common.events.referral import ReferralReceived, ReferralScheduled
from notifications.handlers.confirm import confirm
from notifications.store import tables

MINUTES_46 = timedelta(minutes=46)
EMR_THEN_FAX = {"channels": ("emr", "fax"), "hl7_links": (hl7_link(),)}


async def test_a_confirmed_fax_closes_the_notice_and_keeps_the_promise(desk: Desk) -> None:
    await desk.know()
    await desk.happen(ReferralReceived)
    await desk.send_faxes()
    assert await desk.states() == [("fax", "submitted")]
    assert await desk.published(PromiseKept) == []

    desk.clock.advance(timedelta(minutes=2))
    await desk.watch_faxes()

    assert await desk.states() == [("fax", "confirmed")]
    (notice,) = await desk.rows(tables.notices)
    assert notice["confirmed_at"] == desk.clock()
    (promise,) = await desk.promises()
    assert (promise["state"], promise["kept_at"]) == ("kept", desk.clock())
    (told,) = await desk.published(NoticeDelivered)
    assert (told.channel, told.attempts, told.notice) == ("fax", 1, "referral_received")
    assert len(await desk.published(PromiseKept)) == 1


async def test_an_emr_acknowledgement_confirms_at_its_own_time(desk: Desk) -> None:
    await desk.know(**EMR_THEN_FAX)
    await desk.happen(ReferralScheduled)
    await desk.hand_to_emr()
    (request,) = await desk.published(EmrDeliveryRequested)
    content = request.unsealed(desk.runtime.sealer, NoticeContent)
    assert content.patient.family_name == "ZZTESTMILLER"
    assert content.appointment_place == "12 Zzstreet"
    assert request.appointment.id == UUID(int=7)

    acknowledged = desk.clock()
    desk.clock.advance(timedelta(minutes=1))
    await desk.consume(desk.delivered(request.delivery_id, occurred_at=acknowledged))

    (told,) = await desk.published(NoticeDelivered)
    assert (told.channel, told.attempts, told.confirmed_at) == ("emr", 2, acknowledged)


async def test_the_same_acknowledgement_twice_counts_once(desk: Desk) -> None:
    await desk.know(**EMR_THEN_FAX)
    await desk.happen(ReferralReceived)
    await desk.hand_to_emr()
    (row,) = await desk.deliveries()
    await desk.consume(desk.delivered(row["id"]), desk.delivered(row["id"]))

    assert len(await desk.published(NoticeDelivered)) == 1
    assert len(await desk.published(PromiseKept)) == 1
    assert [row["late"] for row in await desk.deliveries()] == [False]


async def test_a_notice_confirmed_on_two_channels_at_once_counts_once(desk: Desk) -> None:
    """INVARIANT: one notice is confirmed once; breaks if the closing UPDATE loses its condition."""
    await desk.know(**EMR_THEN_FAX)
    await desk.happen(ReferralReceived)
    await desk.hand_to_emr()
    await desk.pass_time(MINUTES_46)
    await desk.send_faxes()
    assert await desk.states() == [("emr", "submitted"), ("fax", "submitted")]

    async def one(delivery_id: UUID) -> bool:
        async with desk.runtime.db.begin() as tx:
            return await confirm(tx, delivery_id, at=desk.clock(), now=desk.clock())

    rows = await desk.deliveries()
    counted = await asyncio.gather(*(one(row["id"]) for row in rows for _ in range(5)))

    assert sum(counted) == 1
    assert len(await desk.published(NoticeDelivered)) == 1
    assert len(await desk.published(PromiseKept)) == 1
    late = [row["late"] for row in await desk.deliveries(state="confirmed")]
    assert sorted(late) == [False, True]


async def test_the_first_confirmation_withdraws_what_waits_and_what_emr_bridge_has(
    desk: Desk,
) -> None:
    await desk.know(**EMR_THEN_FAX)
    await desk.happen(ReferralReceived)
    await desk.hand_to_emr()
    await desk.pass_time(MINUTES_46)
    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()

    assert await desk.states() == [("emr", "withdrawn"), ("fax", "confirmed")]
    (withdrawn,) = await desk.published(EmrDeliveryWithdrawn)
    (emr,) = await desk.deliveries(channel="emr")
    assert withdrawn.delivery_id == emr["id"]


async def refused_by_the_emr(desk: Desk) -> UUID:
    """Have the EMR refuse the notice: emr-bridge parks it, and the fax is next."""
    await desk.know(**EMR_THEN_FAX)
    await desk.happen(ReferralReceived)
    await desk.hand_to_emr()
    (emr,) = await desk.deliveries(channel="emr")
    refused = MessageNotDelivered(
        occurred_at=desk.clock(),
        delivery_id=emr["id"],
        referral_id=UUID(int=1),
        verdict="refused",
        attempts=1,
    )
    await desk.consume(refused)
    await desk.send_faxes()
    delivery_id: UUID = emr["id"]
    return delivery_id


async def test_what_an_emr_refused_is_not_wanted_any_more_once_another_channel_confirmed(
    desk: Desk,
) -> None:
    """INVARIANT: emr-bridge hears of it, or a person could tell the clinic a second time."""
    refused = await refused_by_the_emr(desk)
    assert await desk.published(EmrDeliveryWithdrawn) == []
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()

    assert await desk.states() == [("emr", "failed"), ("fax", "confirmed")]
    (withdrawn,) = await desk.published(EmrDeliveryWithdrawn)
    assert withdrawn.delivery_id == refused


async def test_a_replay_that_the_emr_takes_first_is_the_confirmation(desk: Desk) -> None:
    refused = await refused_by_the_emr(desk)
    await desk.consume(desk.delivered(refused))
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()

    assert await desk.states() == [("emr", "confirmed"), ("fax", "confirmed")]
    (told,) = await desk.published(NoticeDelivered)
    assert told.channel == "emr"
    assert [row["late"] for row in await desk.deliveries(channel="fax")] == [True]


async def test_an_emr_that_took_it_before_the_withdrawal_is_recorded_as_late(desk: Desk) -> None:
    await desk.know(**EMR_THEN_FAX)
    await desk.happen(ReferralReceived)
    await desk.hand_to_emr()
    await desk.pass_time(MINUTES_46)
    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()
    (emr,) = await desk.deliveries(channel="emr")

    await desk.consume(desk.delivered(emr["id"]))

    (emr,) = await desk.deliveries(channel="emr")
    assert (emr["state"], emr["late"]) == ("confirmed", True)
    assert len(await desk.published(NoticeDelivered)) == 1


async def test_a_fax_on_its_way_when_the_emr_confirms_is_left_to_finish_and_is_late(
    desk: Desk,
) -> None:
    await desk.know(**EMR_THEN_FAX)
    await desk.happen(ReferralReceived)
    await desk.hand_to_emr()
    await desk.pass_time(MINUTES_46)
    await desk.send_faxes()
    (emr,) = await desk.deliveries(channel="emr")
    await desk.consume(desk.delivered(emr["id"]))
    assert await desk.states() == [("emr", "confirmed"), ("fax", "submitted")]

    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()

    (fax,) = await desk.deliveries(channel="fax")
    assert (fax["state"], fax["late"]) == ("confirmed", True)
    assert len(await desk.published(NoticeDelivered)) == 1


async def test_a_report_of_withdrawal_by_emr_bridge_changes_nothing_more(desk: Desk) -> None:
    await desk.know(**EMR_THEN_FAX)
    await desk.happen(ReferralReceived)
    await desk.hand_to_emr()
    await desk.pass_time(MINUTES_46)
    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()
    (emr,) = await desk.deliveries(channel="emr")
    gone = MessageNotDelivered(
        occurred_at=desk.clock(),
        delivery_id=emr["id"],
        referral_id=UUID(int=1),
        verdict="withdrawn",
        attempts=3,
    )
    await desk.consume(gone)

    assert await desk.published(DeliveryFailed) == []
    assert await desk.states() == [("emr", "withdrawn"), ("fax", "confirmed")]


async def test_a_delivery_after_the_deadline_is_recorded_and_the_promise_stays_broken(
    desk: Desk,
) -> None:
    await desk.know()
    await desk.happen(ReferralReceived)
    await desk.send_faxes()
    await desk.pass_time(timedelta(minutes=61))
    assert len(await desk.published(PromiseBroken)) == 1

    await desk.watch_faxes()

    (promise,) = await desk.promises()
    assert promise["state"] == "broken"
    assert promise["delivered_at"] == desk.clock()
    assert await desk.published(PromiseKept) == []
    assert len(await desk.published(PromiseBroken)) == 1
    assert len(await desk.published(NoticeDelivered)) == 1
    assert await desk.tasks() == [("promise_broken", "open")]


async def test_a_late_confirmation_breaks_the_promise_even_when_no_clock_had_looked(
    desk: Desk,
) -> None:
    await desk.know()
    await desk.happen(ReferralReceived)
    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=61))
    await desk.watch_faxes()

    (promise,) = await desk.promises()
    assert promise["state"] == "broken"
    assert promise["delivered_at"] is not None
    assert await desk.published(PromiseKept) == []
    assert await desk.look_at_clock() is False
    assert await desk.published(PromiseAtRisk) == []


async def fax_that_ended(desk: Desk, *, at: timedelta, read: timedelta) -> None:
    """Send a fax whose call the gateway says ended `at` after the start; it is `read` after it."""
    await desk.know()
    began = desk.clock()
    await desk.happen(ReferralReceived)
    await desk.send_faxes()
    for name, status in desk.gateway.states.items():
        desk.gateway.states[name] = replace(status, ended_at=began + at)
    await desk.pass_time(read)
    await desk.watch_faxes()


async def test_a_fax_that_ended_in_time_keeps_the_promise_although_we_read_of_it_after_the_deadline(
    desk: Desk,
) -> None:
    """INVARIANT: when the clinic had it decides, not when we heard of it."""
    had = desk.clock() + timedelta(minutes=59)
    await fax_that_ended(desk, at=timedelta(minutes=59), read=timedelta(minutes=61))

    (promise,) = await desk.promises()
    assert (promise["state"], promise["kept_at"], promise["delivered_at"]) == ("kept", had, had)
    assert promise["broken_at"] is not None, "that it was told broken is not forgotten"
    (broken,) = await desk.published(PromiseBroken)
    (kept,) = await desk.published(PromiseKept)
    assert kept.promise_id == broken.promise_id
    assert kept.kept_at == had
    assert await desk.tasks() == [("promise_broken", "done")]


@pytest.mark.parametrize("minutes", [-1, 62, 60.5])
async def test_a_gateways_time_that_cannot_be_or_is_late_keeps_nothing(
    desk: Desk, minutes: float
) -> None:
    """INVARIANT: neither a time before the attempt nor one that is still to come is believed."""
    await fax_that_ended(desk, at=timedelta(minutes=minutes), read=timedelta(minutes=61))

    (promise,) = await desk.promises()
    assert promise["state"] == "broken"
    assert await desk.published(PromiseKept) == []
    assert await desk.tasks() == [("promise_broken", "open")]


async def test_an_acknowledgement_in_time_that_reaches_us_after_the_deadline_keeps_the_promise(
    desk: Desk,
) -> None:
    await desk.know(**EMR_THEN_FAX | {"channels": ("emr",)})
    await desk.happen(ReferralReceived)
    await desk.hand_to_emr()
    (row,) = await desk.deliveries()
    acknowledged = desk.clock() + timedelta(minutes=30)
    await desk.pass_time(timedelta(hours=2))
    await desk.consume(desk.delivered(row["id"], occurred_at=acknowledged))

    (promise,) = await desk.promises()
    assert (promise["state"], promise["kept_at"]) == ("kept", acknowledged)


async def test_of_two_confirmations_the_one_that_arrived_first_decides_the_promise(
    desk: Desk,
) -> None:
    await desk.know(**EMR_THEN_FAX)
    await desk.happen(ReferralReceived)
    await desk.hand_to_emr()
    acknowledged = desk.clock() + timedelta(minutes=50)
    await desk.pass_time(MINUTES_46)
    await desk.send_faxes()
    await desk.pass_time(timedelta(minutes=20))
    await desk.watch_faxes()
    (promise,) = await desk.promises()
    assert promise["state"] == "broken"

    (emr,) = await desk.deliveries(channel="emr")
    await desk.consume(desk.delivered(emr["id"], occurred_at=acknowledged))

    (promise,) = await desk.promises()
    assert (promise["state"], promise["kept_at"]) == ("kept", acknowledged)
    assert len(await desk.published(NoticeDelivered)) == 1


async def test_a_report_on_a_delivery_that_is_not_ours_changes_nothing(desk: Desk) -> None:
    await desk.consume(desk.delivered(UUID(int=77)))
    assert await desk.published(NoticeDelivered) == []
