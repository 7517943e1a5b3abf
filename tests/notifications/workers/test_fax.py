"""Crash points and lost answers: a worker is abandoned, its lease runs out, another goes on."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.notifications.builders import PACE, Desk, hl7_link

from common.events.notification import DeliveryFailed, NoticeDelivered
from common.events.referral import ReferralReceived, ReferralScheduled
from notifications.channels.fax.page import FaxDocument
from notifications.channels.letterhead import page_of
from notifications.handlers import receipts
from notifications.ports import FailureClass, FaxState, FaxStatus, OutgoingFax, Submitted, Unknown
from notifications.store import tables
from notifications.workers.claiming import take_ready, take_submitted
from notifications.workers.fax import FORGET_AGAIN_AFTER, FaxForgetter

MINUTE = timedelta(minutes=1)
AFTER_LEASE = PACE.lease + MINUTE


async def received(desk: Desk) -> None:
    await desk.know()
    await desk.happen(ReferralReceived)


async def finish(desk: Desk) -> None:
    for _ in range(4):
        desk.clock.advance(MINUTE)
        await desk.send_faxes()
        await desk.watch_faxes()


async def test_an_unanswered_submission_that_was_taken_is_found_and_not_sent_again(
    desk: Desk,
) -> None:
    """INVARIANT: an outcome that is unknown is looked up before anything is sent again."""
    desk.gateway.answers = [Unknown("ReadTimeout")]
    desk.gateway.taken_although_unknown = True
    await received(desk)
    await desk.send_faxes()
    assert await desk.states() == [("fax", "unknown")]
    assert not await desk.send_faxes()

    await finish(desk)

    assert len(desk.gateway.sent) == 1
    assert len(desk.gateway.looked_up) == 1
    assert await desk.states() == [("fax", "confirmed")]


async def test_an_unanswered_submission_that_was_not_taken_is_sent_again_after_the_look_up(
    desk: Desk,
) -> None:
    desk.gateway.answers = [Unknown("ReadTimeout")]
    await received(desk)
    await desk.send_faxes()
    await finish(desk)

    assert len(desk.gateway.sent) == 1
    assert len(desk.gateway.looked_up) == 1
    tries = await desk.rows(tables.attempts)
    assert [(row["outcome"], row["code"]) for row in tries] == [
        ("provider", "not_taken"),
        ("confirmed", None),
    ]


async def test_while_the_gateway_cannot_be_asked_nothing_is_sent_again(desk: Desk) -> None:
    desk.gateway.answers = [Unknown("ReadTimeout")]
    desk.gateway.taken_although_unknown = True
    await received(desk)
    await desk.send_faxes()
    desk.gateway.away = True
    await finish(desk)
    assert await desk.states() == [("fax", "unknown")]

    desk.gateway.away = False
    await finish(desk)
    assert len(desk.gateway.sent) == 1
    assert await desk.states() == [("fax", "confirmed")]


async def test_a_worker_that_dies_before_it_submits_costs_two_look_ups(desk: Desk) -> None:
    await received(desk)
    abandoned = await take_ready(desk.runtime, "fax", means=desk.means, pace=PACE)
    assert len(abandoned) == 1
    assert not await desk.send_faxes()

    desk.clock.advance(AFTER_LEASE)
    await desk.watch_faxes()
    desk.clock.advance(AFTER_LEASE)
    await finish(desk)

    assert len(desk.gateway.looked_up) == 2
    assert len(desk.gateway.sent) == 1
    assert await desk.states() == [("fax", "confirmed")]


async def test_a_clock_put_forward_while_a_fax_is_on_its_way_does_not_make_the_page_go_twice(
    desk: Desk,
) -> None:
    """INVARIANT: a lease that ran out is no proof that nobody sends. Broken by one look-up alone."""
    await received(desk)
    (outgoing,) = await take_ready(desk.runtime, "fax", means=desk.means, pace=PACE)
    desk.clock.advance(timedelta(hours=3))
    await desk.watch_faxes()
    assert not await desk.watch_faxes(), "the second look is a lease later"
    parcel = outgoing.parcel
    page = OutgoingFax(parcel.attempt_id, parcel.destination, b"%PDF", 1, "header")
    assert isinstance(await desk.gateway.submit(page), Submitted)

    desk.clock.advance(AFTER_LEASE)
    await finish(desk)

    assert len(desk.gateway.sent) == 1
    assert await desk.states() == [("fax", "confirmed")]


async def test_a_fax_that_left_while_the_clock_was_hours_ahead_is_found_and_not_sent_again(
    desk: Desk,
) -> None:
    """INVARIANT: the gateway's clock says when it got a fax, not ours. Broken by a search since our attempt."""
    desk.gateway.answers = [Unknown("ReadTimeout")]
    desk.gateway.taken_although_unknown = True
    await received(desk)
    desk.clock.advance(timedelta(hours=3))
    await desk.send_faxes()

    await finish(desk)

    assert len(desk.gateway.sent) == 1
    assert await desk.states() == [("fax", "confirmed")]


async def test_a_page_whose_lease_ran_out_while_it_was_laid_out_does_not_leave(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INVARIANT: only who holds a delivery sends it. Broken by a check before the page is laid out."""
    loop = asyncio.get_running_loop()

    def slowly(*about: Any, **more: Any) -> FaxDocument:
        monkeypatch.undo()
        for _ in range(2):
            desk.clock.advance(AFTER_LEASE)
            asyncio.run_coroutine_threadsafe(desk.watch_faxes(), loop).result(timeout=10)
        return page_of(*about, **more)

    monkeypatch.setattr("notifications.workers.fax.page_of", slowly)
    await received(desk)
    await desk.send_faxes()
    assert desk.gateway.sent == []

    await finish(desk)

    assert len(desk.gateway.sent) == 1
    assert await desk.states() == [("fax", "confirmed")]


async def test_a_worker_that_dies_after_it_submitted_does_not_make_the_page_go_twice(
    desk: Desk,
) -> None:
    """INVARIANT: kill -9 between submit and record sends one page; breaks without `sending`."""
    await received(desk)
    (outgoing,) = await take_ready(desk.runtime, "fax", means=desk.means, pace=PACE)
    parcel = outgoing.parcel
    page = OutgoingFax(parcel.attempt_id, parcel.destination, b"%PDF", 1, "header")
    assert isinstance(await desk.gateway.submit(page), Submitted)

    desk.clock.advance(AFTER_LEASE)
    await finish(desk)

    assert len(desk.gateway.sent) == 1
    assert await desk.states() == [("fax", "confirmed")]


async def test_what_a_dead_worker_left_is_unknown_and_is_asked_about_with_patience(
    desk: Desk,
) -> None:
    await received(desk)
    await take_ready(desk.runtime, "fax", means=desk.means, pace=PACE)
    desk.clock.advance(AFTER_LEASE)
    desk.gateway.away = True
    assert await desk.watch_faxes()

    assert await desk.states() == [("fax", "unknown")]
    assert not await desk.watch_faxes()


async def test_a_worker_that_dies_while_it_asks_costs_only_its_lease(desk: Desk) -> None:
    await received(desk)
    await desk.send_faxes()
    desk.clock.advance(MINUTE)
    assert len(await take_submitted(desk.runtime, "fax", pace=PACE)) == 1
    assert not await desk.watch_faxes()

    desk.clock.advance(AFTER_LEASE)
    await desk.watch_faxes()
    assert await desk.states() == [("fax", "confirmed")]


async def test_a_worker_whose_lease_ran_out_changes_nothing(desk: Desk) -> None:
    """INVARIANT: a stale worker's write matches nothing."""
    await received(desk)
    (stale,) = await take_ready(desk.runtime, "fax", means=desk.means, pace=PACE)
    desk.clock.advance(AFTER_LEASE)
    await desk.watch_faxes()
    before = await desk.deliveries()

    async with desk.runtime.db.begin() as tx:
        await receipts.taken(tx, stale.delivery, "stale", ask_at=desk.clock())
        await receipts.unanswered(tx, stale.delivery, "stale", look_at=desk.clock())
        await receipts.arrived(tx, stale.delivery, now=desk.clock())

    assert await desk.deliveries() == before
    assert await desk.published(NoticeDelivered) == []


async def test_a_late_report_never_takes_a_confirmation_back(desk: Desk) -> None:
    await received(desk)
    await desk.send_faxes()
    desk.clock.advance(MINUTE)
    (held,) = await take_submitted(desk.runtime, "fax", pace=PACE)
    async with desk.runtime.db.begin() as tx:
        await receipts.arrived(tx, held, now=desk.clock())
    failure = FaxStatus(held["gateway_id"], FaxState.FAILED, FailureClass.BUSY)
    async with desk.runtime.db.begin() as tx:
        await receipts.fax_reported(
            tx, held, failure, again_at=None, means=desk.means, now=desk.clock()
        )

    assert await desk.states() == [("fax", "confirmed")]
    assert await desk.published(DeliveryFailed) == []


async def test_a_gateway_that_never_says_what_became_of_it_is_given_up(desk: Desk) -> None:
    await received(desk)
    await desk.send_faxes()
    desk.gateway.states.clear()
    for _ in range(13):
        desk.clock.advance(timedelta(minutes=10))
        await desk.watch_faxes()

    (failed,) = await desk.published(DeliveryFailed)
    assert failed.reason_class == "no_result"
    assert len(desk.gateway.sent) == 1


async def test_a_clock_put_forward_does_not_give_up_a_fax_that_is_being_sent(desk: Desk) -> None:
    """INVARIANT: who is given up was asked often. Broken by looking at the clock alone."""
    await received(desk)
    await desk.send_faxes()
    (gateway_id,) = desk.gateway.states
    done = desk.gateway.states[gateway_id]
    desk.gateway.states[gateway_id] = FaxStatus(gateway_id, FaxState.SENDING)
    desk.clock.advance(timedelta(hours=3))
    await desk.watch_faxes()
    desk.gateway.states[gateway_id] = done
    await finish(desk)

    assert len(desk.gateway.sent) == 1
    assert await desk.states() == [("fax", "confirmed")]


async def test_questions_to_the_gateway_come_less_and_less_often(desk: Desk) -> None:
    await received(desk)
    await desk.send_faxes()
    (gateway_id,) = desk.gateway.states
    desk.gateway.states[gateway_id] = FaxStatus(gateway_id, FaxState.SENDING)
    waits = []
    for _ in range(6):
        (row,) = await desk.deliveries()
        waits.append((row["next_attempt_at"] - desk.clock()).total_seconds())
        desk.clock.set(row["next_attempt_at"])
        await desk.watch_faxes()

    assert waits == [5, 10, 20, 40, 60, 60]


async def test_pages_are_deleted_at_the_gateway_once_the_attempt_is_over(desk: Desk) -> None:
    await received(desk)
    forgetter = FaxForgetter(desk.runtime, desk.gateway, PACE)
    await desk.send_faxes()
    await forgetter.step()
    assert desk.gateway.forgotten == []
    desk.clock.advance(MINUTE)
    await desk.watch_faxes()
    desk.gateway.away = True
    assert await forgetter.step()
    assert not await forgetter.step(), "it is not asked again and again"

    desk.gateway.away = False
    desk.clock.advance(FORGET_AGAIN_AFTER)
    assert await forgetter.step()
    assert not await forgetter.step()
    assert len(desk.gateway.forgotten) == 1


async def test_each_attempt_carries_an_id_of_its_own_and_a_header_without_names(
    desk: Desk,
) -> None:
    desk.gateway.results = [FailureClass.BUSY]
    await received(desk)
    await desk.happen(ReferralScheduled, version=2)
    await finish(desk)
    await finish(desk)

    first, second, third = desk.gateway.sent
    assert len({fax.our_id for fax in desk.gateway.sent}) == 3
    assert first.header == "Specialty Pharmacy Ref 7F3KQ2"
    assert first.pages_pdf.startswith(b"%PDF")
    assert second.page_count == third.page_count == 1


async def test_an_idle_worker_writes_nothing_so_it_wakes_nobody(desk: Desk) -> None:
    await desk.know()
    woken = []
    signal = desk.runtime.db.committed
    notify = signal.notify
    signal.notify = lambda: woken.append(1) or notify()  # type: ignore[method-assign, func-returns-value]
    assert not await desk.send_faxes()
    assert not await desk.watch_faxes()
    assert not await desk.hand_to_emr()
    assert not await desk.look_at_clock()
    assert woken == []


async def test_a_page_that_cannot_be_laid_out_is_its_own_failure_and_the_next_channel_goes(
    desk: Desk,
) -> None:
    await desk.know(channels=("fax", "emr"), hl7_links=(hl7_link(),), name="ZZTEST " * 5000)
    await desk.happen(ReferralReceived)
    await desk.send_faxes()

    assert await desk.states() == [("fax", "failed"), ("emr", "queued")]
    assert desk.gateway.sent == desk.gateway.looked_up == []
    (failed,) = await desk.published(DeliveryFailed)
    assert (failed.reason_class, failed.failure_code) == ("unprintable", "LayoutError")
    assert failed.next_channel == "emr"
    assert await desk.tasks() == [("unprintable", "open")]
    (notice,) = await desk.rows(tables.notices)
    (task,) = await desk.rows(tables.tasks)
    assert task["notice_id"] == notice["id"]


async def test_a_page_that_cannot_be_laid_out_holds_up_no_other_fax(desk: Desk) -> None:
    await desk.know(name="ZZTEST " * 5000)
    await desk.happen(ReferralReceived)
    await desk.know(clinic_id="northside")
    await desk.happen(ReferralReceived, clinic_id="northside", referral_id=UUID(int=2))
    await desk.send_faxes()

    assert sorted(await desk.states()) == [("fax", "failed"), ("fax", "submitted")]
    assert ("channels_exhausted", "open") in await desk.tasks()
