from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import update
from tests.notifications.builders import NOW, Desk, hl7_link, term

from common.errors import SetAside
from common.events.clinic import PromiseKind
from common.events.notification import (
    EmrDeliveryWithdrawn,
    NoticeDelivered,
    PromiseAtRisk,
    PromiseBroken,
    Promised,
    PromiseKept,
)
from common.events.referral import (
    PriorAuthorizationChanged,
    ReferralCancelled,
    ReferralDeclined,
    ReferralHeld,
    ReferralReceived,
)
from notifications.handlers.keep import HEAD_START
from notifications.ports import FailureClass
from notifications.store import tables

EMR_AND_FAX = {"channels": ("fax", "emr"), "hl7_links": (hl7_link(),)}
PA = PriorAuthorizationChanged


async def test_at_three_quarters_the_next_channel_goes_at_once_and_operations_hear(
    desk: Desk,
) -> None:
    await desk.know(**EMR_AND_FAX)
    await desk.happen(ReferralReceived)
    await desk.pass_time(timedelta(minutes=44))
    assert await desk.published(PromiseAtRisk) == []

    await desk.pass_time(timedelta(minutes=1))

    assert len(await desk.published(PromiseAtRisk)) == 1
    assert await desk.states() == [("fax", "queued"), ("emr", "queued")]
    assert await desk.hand_to_emr()
    assert not await desk.send_faxes(), "what waits leaves the next channel a head start"
    (promise,) = await desk.promises()
    assert promise["state"] == "at_risk"


async def test_a_fax_at_the_gateway_is_left_to_finish_beside_the_next_channel(desk: Desk) -> None:
    await desk.know(**EMR_AND_FAX)
    await desk.happen(ReferralReceived)
    await desk.send_faxes()
    await desk.pass_time(timedelta(minutes=45))

    assert await desk.states() == [("fax", "submitted"), ("emr", "queued")]


async def test_once_at_risk_each_failed_attempt_brings_in_the_next_channel(desk: Desk) -> None:
    """An EMR that is silent and a fax that is always busy: the webhook must still be in time."""
    await desk.know(
        channels=("emr", "fax", "webhook"),
        hl7_links=(hl7_link(),),
        webhook_url="https://clinic.example/hook",
    )
    desk.gateway.results = [FailureClass.BUSY] * 3
    await desk.happen(ReferralReceived)
    await desk.hand_to_emr()
    await desk.pass_time(timedelta(minutes=45))
    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()

    assert await desk.states() == [("emr", "submitted"), ("fax", "queued"), ("webhook", "queued")]


async def test_before_that_a_failed_attempt_is_only_tried_again(desk: Desk) -> None:
    await desk.know(**EMR_AND_FAX)
    desk.gateway.results = [FailureClass.BUSY]
    await desk.happen(ReferralReceived)
    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()
    assert await desk.states() == [("fax", "queued")]


async def test_what_waits_keeps_waiting_where_no_other_channel_is_left(desk: Desk) -> None:
    await desk.know()
    desk.gateway.results = [FailureClass.BUSY]
    await desk.happen(ReferralReceived)
    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()
    await desk.pass_time(timedelta(minutes=44))

    assert await desk.states() == [("fax", "queued")]
    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()
    (promise,) = await desk.promises()
    assert promise["state"] == "kept"


async def test_a_broken_promise_is_an_event_and_one_task_for_a_person(desk: Desk) -> None:
    await desk.know()
    await desk.happen(ReferralReceived)
    await desk.pass_time(timedelta(minutes=45))
    await desk.pass_time(timedelta(minutes=15))
    await desk.pass_time(timedelta(hours=5))

    assert len(await desk.published(PromiseBroken)) == 1
    assert await desk.tasks() == [("promise_broken", "open")]
    assert await desk.states() == [("fax", "queued")]


async def test_a_promise_whose_time_passed_unwatched_still_gets_its_next_channel(
    desk: Desk,
) -> None:
    await desk.know(**EMR_AND_FAX)
    await desk.happen(ReferralReceived)
    await desk.pass_time(timedelta(days=2))

    told = await desk.published(PromiseAtRisk, PromiseBroken)
    assert [event.type for event in told] == ["promise.at_risk.v1", "promise.broken.v1"]
    assert await desk.states() == [("fax", "queued"), ("emr", "queued")]


async def test_what_waited_is_tried_again_when_the_next_channel_is_as_dead(desk: Desk) -> None:
    """A fax that was busy until the promise was at risk, beside an EMR whose link is down."""
    await desk.know(**EMR_AND_FAX)
    desk.gateway.results = [FailureClass.BUSY]
    desk.clock.advance(timedelta(minutes=44))
    await desk.happen(ReferralReceived, received_at=NOW)
    await desk.send_faxes()
    desk.clock.advance(timedelta(seconds=30))
    await desk.watch_faxes()
    await desk.pass_time(timedelta(seconds=30))
    await desk.hand_to_emr()
    assert await desk.states() == [("fax", "queued"), ("emr", "submitted")]

    desk.clock.advance(HEAD_START)
    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()

    assert await desk.states() == [("fax", "confirmed"), ("emr", "withdrawn")]
    assert len(await desk.published(PromiseKept)) == 1
    assert len(await desk.published(EmrDeliveryWithdrawn)) == 1


async def test_many_promises_that_passed_unwatched_are_each_at_risk_before_they_are_broken(
    desk: Desk,
) -> None:
    """Long promises that are only at risk fill the first batch; the short ones are overdue."""
    await desk.know(**EMR_AND_FAX, promises=term(PromiseKind.OUTCOME, 60))
    for number in range(1, 16):
        about = {"referral_id": UUID(int=number), "status": "declined"}
        await desk.happen(ReferralDeclined, **about)
    desk.clock.advance(timedelta(hours=44, minutes=30))
    await desk.happen(ReferralReceived, referral_id=UUID(int=99))
    await desk.pass_time(timedelta(hours=3))

    assert len(await desk.published(PromiseAtRisk)) == 16
    (broken,) = await desk.published(PromiseBroken)
    assert broken.referral_id == UUID(int=99)
    channels = [row["channel"] for row in await desk.deliveries(referral_id=UUID(int=99))]
    assert channels == ["fax", "emr"]


async def test_one_promise_that_cannot_be_handled_holds_up_no_other(desk: Desk) -> None:
    """INVARIANT: the clock goes on for all clinics, whatever is wrong with one."""
    await desk.know()
    await desk.happen(ReferralReceived)
    await desk.know(clinic_id="hillside")
    await desk.happen(ReferralReceived, clinic_id="hillside", referral_id=UUID(int=2))
    async with desk.runtime.db.begin() as tx:
        mine = tables.clinics.c.id == "lakeside"
        await tx.execute(update(tables.clinics).where(mine).values(card=b"not sealed by us"))

    desk.clock.advance(timedelta(minutes=46))
    with pytest.raises(SetAside):
        await desk.look_at_clock()

    assert [event.clinic_id for event in await desk.published(PromiseAtRisk)] == ["hillside"]


async def test_a_restart_loses_no_promise(desk: Desk) -> None:
    """INVARIANT: clocks are rows; a new process finds each that the old one had begun."""
    await desk.know()
    await desk.happen(ReferralReceived)
    after_restart = Desk(desk.runtime, desk.clock)
    await after_restart.pass_time(timedelta(hours=1))

    assert len(await after_restart.published(PromiseBroken)) == 1


async def test_while_an_authorization_is_open_the_clinic_hears_of_it_every_day(
    desk: Desk,
) -> None:
    await desk.know()
    await desk.happen(PA)
    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()

    await desk.pass_time(timedelta(hours=15, minutes=58))
    assert len(await desk.rows(tables.notices)) == 1
    await desk.pass_time(timedelta(minutes=1))

    pending = (await desk.rows(tables.notices))[-1]
    assert pending["name"] == "prior_authorization_pending"
    promise = (await desk.promises())[-1]
    assert promise["started_at"] == NOW
    assert promise["due_at"] == NOW + timedelta(hours=24)
    assert promise["kind"] == PromiseKind.PRIOR_AUTHORIZATION_STATUS
    await desk.pass_time(timedelta(hours=16))
    assert len(await desk.rows(tables.notices)) == 3


async def test_a_change_restarts_the_heartbeat_and_an_end_stops_it(desk: Desk) -> None:
    await desk.know()
    await desk.happen(PA)
    await desk.pass_time(timedelta(hours=10))
    await desk.happen(PA, version=2, state="pended_info")
    await desk.pass_time(timedelta(hours=10))
    assert len(await desk.rows(tables.notices)) == 2

    await desk.happen(PA, version=3, state="approved", open=False)
    await desk.pass_time(timedelta(days=3))
    assert len(await desk.rows(tables.notices)) == 3


async def test_the_end_of_the_referral_stops_the_heartbeat(desk: Desk) -> None:
    await desk.know()
    await desk.happen(PA)
    await desk.happen(ReferralCancelled, version=2)
    await desk.pass_time(timedelta(days=3))
    assert len(await desk.rows(tables.notices)) == 2


async def test_a_hold_does_not_stop_the_heartbeat(desk: Desk) -> None:
    await desk.know()
    await desk.happen(PA)
    await desk.happen(ReferralHeld, version=2)
    await desk.pass_time(timedelta(hours=16))
    assert len(await desk.rows(tables.notices)) == 3


async def test_a_newer_status_replaces_a_waiting_still_pending_and_inherits_its_promise(
    desk: Desk,
) -> None:
    """The only notices that are ever skipped: a newer one says more, by the older deadline."""
    await desk.know()
    await desk.happen(PA)
    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()
    await desk.pass_time(timedelta(hours=17))
    await desk.happen(PA, version=2, state="approved", open=False)

    status, pending, approved = await desk.rows(tables.notices)
    assert status["confirmed_at"] is not None
    assert pending["superseded_by"] == approved["id"]
    assert await desk.states() == [("fax", "confirmed"), ("fax", "withdrawn"), ("fax", "queued")]
    owed = [row["due_at"] for row in await desk.promises(notice_id=approved["id"])]
    assert owed == [NOW + timedelta(hours=24), NOW + timedelta(hours=41, minutes=1)]

    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()
    assert {row["state"] for row in await desk.promises()} == {"kept"}
    assert len(await desk.published(PromiseKept)) == len(await desk.published(Promised)) == 3
    assert len(await desk.published(NoticeDelivered)) == 2


async def test_a_still_pending_that_is_on_its_way_is_not_replaced(desk: Desk) -> None:
    await desk.know()
    await desk.happen(PA)
    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()
    await desk.pass_time(timedelta(hours=16))
    await desk.send_faxes()
    await desk.happen(PA, version=2, state="approved", open=False)

    assert [row["superseded_by"] for row in await desk.rows(tables.notices)] == [None] * 3
    assert (await desk.states())[1:] == [("fax", "submitted"), ("fax", "queued")]


async def test_still_pending_does_not_pile_up_before_an_emr_whose_link_is_down(desk: Desk) -> None:
    """Else the clinic would read the same news three times, and the answer to it, on one morning."""
    await desk.know(channels=("emr",), hl7_links=(hl7_link(),))
    await desk.happen(PA)
    for _ in range(3):
        await desk.hand_to_emr()
        await desk.pass_time(timedelta(hours=16))
    await desk.hand_to_emr()
    await desk.happen(PA, version=2, state="approved", open=False)

    told = [(row["name"], row["superseded_by"] is None) for row in await desk.rows(tables.notices)]
    assert told == [
        ("prior_authorization_changed", True),
        *[("prior_authorization_pending", False)] * 3,
        ("prior_authorization_changed", True),
    ]
    assert len(await desk.published(EmrDeliveryWithdrawn)) == 3


async def test_still_pending_does_not_pile_up_while_the_clinic_cannot_be_reached(
    desk: Desk,
) -> None:
    await desk.know(baa_signed_on=None)
    await desk.happen(PA)
    await desk.pass_time(timedelta(hours=16))
    await desk.pass_time(timedelta(hours=16))
    await desk.pass_time(timedelta(hours=16))

    waiting = [row for row in await desk.rows(tables.notices) if row["superseded_by"] is None]
    assert [row["name"] for row in waiting] == [
        "prior_authorization_changed",
        "prior_authorization_pending",
    ]


@pytest.mark.parametrize("hours", [24, 72])
async def test_the_heartbeat_follows_the_clinics_own_term(desk: Desk, hours: int) -> None:
    await desk.know(promises=term(PromiseKind.PRIOR_AUTHORIZATION_STATUS, hours))
    await desk.happen(PA)
    await desk.pass_time(timedelta(hours=hours) * 2 / 3 - timedelta(seconds=1))
    assert len(await desk.rows(tables.notices)) == 1
    await desk.pass_time(timedelta(seconds=1))
    assert len(await desk.rows(tables.notices)) == 2


async def test_the_heartbeat_of_news_that_came_late_counts_from_when_it_was_told(
    desk: Desk,
) -> None:
    """Else the clinic would read the news and "nothing has changed" on the same morning."""
    await desk.know()
    desk.clock.advance(timedelta(days=2))
    await desk.happen(PA, occurred_at=NOW)
    await desk.pass_time(timedelta(hours=15))
    assert len(await desk.rows(tables.notices)) == 1
    await desk.pass_time(timedelta(hours=1))
    assert len(await desk.rows(tables.notices)) == 2


async def test_two_authorizations_of_one_referral_have_a_heartbeat_each(desk: Desk) -> None:
    await desk.know()
    await desk.happen(PA)
    await desk.happen(PA, version=2, prior_authorization_id=UUID(int=10))
    await desk.pass_time(timedelta(hours=16))
    assert len(await desk.rows(tables.notices)) == 4
