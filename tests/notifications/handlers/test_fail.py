from datetime import timedelta
from uuid import UUID

from tests.notifications.builders import FAX, Desk, hl7_link

from common.events.clinic import FaxNumber
from common.events.emr import MessageNotDelivered
from common.events.notification import DeliveryFailed, NoticeDelivered
from common.events.referral import ReferralReceived, ReferralScheduled
from notifications.handlers.finish import finish
from notifications.ports import FailureClass, Refused
from notifications.store import tables
from notifications.store.tasks import Done


async def test_a_busy_fax_is_tried_by_the_schedule_and_then_the_next_channel_goes(
    desk: Desk,
) -> None:
    await desk.know(channels=("fax", "emr"), hl7_links=(hl7_link(),))
    desk.gateway.results = [FailureClass.BUSY] * 9
    await desk.happen(ReferralReceived)
    began = desk.clock()
    for minutes in (0, 2, 5, 10, 15, 25, 40):
        desk.clock.set(began + timedelta(minutes=minutes))
        assert await desk.send_faxes(), f"attempt at {minutes} min"
        desk.clock.advance(timedelta(seconds=30))
        await desk.watch_faxes()
        assert not await desk.send_faxes()

    assert await desk.states() == [("fax", "failed"), ("emr", "queued")]
    assert len(desk.gateway.sent) == 7
    (failed,) = await desk.published(DeliveryFailed)
    assert (failed.reason_class, failed.attempts) == ("busy", 7)
    assert (failed.next_channel, failed.needs_person) == ("emr", False)
    tries = await desk.rows(tables.attempts)
    assert [row["outcome"] for row in tries] == ["busy"] * 7
    assert all(row["ended_at"] > row["started_at"] for row in tries)


async def test_when_every_channel_gave_up_a_person_is_asked(desk: Desk) -> None:
    await desk.know()
    desk.gateway.results = [FailureClass.DOCUMENT]
    await desk.happen(ReferralReceived)
    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()

    assert await desk.states() == [("fax", "failed")]
    assert await desk.tasks() == [("channels_exhausted", "open")]
    (failed,) = await desk.published(DeliveryFailed)
    assert (failed.next_channel, failed.needs_person) == (None, True)


async def test_a_wrong_number_is_quarantined_and_nothing_more_goes_there(desk: Desk) -> None:
    await desk.know()
    desk.gateway.results = [FailureClass.BAD_NUMBER]
    await desk.happen(ReferralReceived)
    await desk.happen(ReferralScheduled, version=2)
    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()
    await desk.send_faxes()

    assert len(desk.gateway.sent) == 1
    assert await desk.states() == [("fax", "failed"), ("fax", "failed")]
    assert (await desk.deliveries())[1]["reason"] == "not_eligible"
    kinds = [kind for kind, _ in await desk.tasks()]
    assert sorted(kinds) == ["bad_number", "channels_exhausted", "channels_exhausted"]


async def test_a_newly_verified_number_lifts_the_quarantine_and_sends_what_was_stranded(
    desk: Desk,
) -> None:
    await desk.know()
    desk.gateway.results = [FailureClass.BAD_NUMBER]
    await desk.happen(ReferralReceived)
    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()

    later = (desk.clock() + timedelta(days=1)).date()
    await desk.know(version=2, fax_numbers=(FaxNumber(number=FAX, verified_on=later),))
    assert (await desk.states())[-1] == ("fax", "queued")
    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()

    assert len(await desk.published(NoticeDelivered)) == 1
    assert ("channels_exhausted", "done") in await desk.tasks()


async def test_a_refused_account_is_one_task_for_operations_and_done_sends_what_was_stranded(
    desk: Desk,
) -> None:
    """No credit at the gateway concerns every clinic; put right, nothing is left untold."""
    await desk.know()
    await desk.know(clinic_id="hillside")
    desk.gateway.answers = [Refused(FailureClass.ACCOUNT, "402")] * 2
    await desk.happen(ReferralReceived)
    await desk.happen(ReferralReceived, clinic_id="hillside", referral_id=UUID(int=2))
    await desk.send_faxes()
    tasks = await desk.rows(tables.tasks)
    assert [row["kind"] for row in tasks].count("fax_account") == 1
    assert [row["kind"] for row in tasks].count("channels_exhausted") == 2

    (account,) = [row for row in tasks if row["kind"] == "fax_account"]
    async with desk.runtime.db.begin() as tx:
        paid = Done("ops:zz", "ZZTEST paid the bill")
        await finish(tx, account["id"], paid, means=desk.means, now=desk.clock())
    await desk.send_faxes()

    assert len(desk.gateway.sent) == 2
    assert {state for _, state in await desk.tasks()} == {"done"}
    assert "ZZTEST" not in str(await desk.rows(tables.tasks))


async def test_a_wrong_number_that_a_person_says_is_right_is_sent_what_was_stranded(
    desk: Desk,
) -> None:
    await desk.know()
    desk.gateway.results = [FailureClass.BAD_NUMBER]
    await desk.happen(ReferralReceived)
    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()
    (task,) = await desk.rows(tables.tasks, kind="bad_number")
    async with desk.runtime.db.begin() as tx:
        await finish(tx, task["id"], Done("ops:zz"), means=desk.means, now=desk.clock())

    assert await desk.states() == [("fax", "failed"), ("fax", "queued")]


async def test_a_refused_submission_waits_as_long_as_the_gateway_wishes(desk: Desk) -> None:
    await desk.know()
    desk.gateway.answers = [Refused(FailureClass.PROVIDER, "429", retry_after_seconds=300)]
    await desk.happen(ReferralReceived)
    await desk.send_faxes()

    (row,) = await desk.deliveries()
    assert (row["state"], row["reason"], row["code"]) == ("queued", "provider", "429")
    assert row["next_attempt_at"] == desk.clock() + timedelta(minutes=5)
    assert desk.gateway.sent == []


async def test_an_emr_that_cannot_be_reached_falls_back_to_fax(desk: Desk) -> None:
    await desk.know(channels=("emr", "fax"), hl7_links=(hl7_link(),))
    await desk.happen(ReferralReceived)
    await desk.hand_to_emr()
    (emr,) = await desk.deliveries()
    await desk.consume(
        MessageNotDelivered(
            occurred_at=desk.clock(),
            delivery_id=emr["id"],
            referral_id=UUID(int=1),
            verdict="unreachable",
            code="ECONNREFUSED",
            attempts=5,
        )
    )

    assert await desk.states() == [("emr", "failed"), ("fax", "queued")]
    (failed,) = await desk.published(DeliveryFailed)
    assert (failed.reason_class, failed.failure_code, failed.attempts) == (
        "unreachable",
        "ECONNREFUSED",
        5,
    )


async def test_a_channel_that_fails_beside_another_on_its_way_starts_no_third(desk: Desk) -> None:
    await desk.know(
        channels=("emr", "fax", "webhook"),
        hl7_links=(hl7_link(),),
        webhook_url="https://clinic.example/hook",
    )
    await desk.happen(ReferralReceived)
    await desk.hand_to_emr()
    await desk.pass_time(timedelta(minutes=45))
    await desk.send_faxes()
    desk.gateway.states.clear()
    (emr,) = await desk.deliveries(channel="emr")
    await desk.consume(
        MessageNotDelivered(
            occurred_at=desk.clock(),
            delivery_id=emr["id"],
            referral_id=UUID(int=1),
            verdict="refused",
            attempts=1,
        )
    )

    assert await desk.states() == [("emr", "failed"), ("fax", "submitted")]
    (failed,) = await desk.published(DeliveryFailed)
    assert (failed.next_channel, failed.needs_person) == (None, False)


async def test_a_fax_that_fails_after_the_clinic_was_told_is_not_tried_again(desk: Desk) -> None:
    await desk.know(channels=("fax", "emr"), hl7_links=(hl7_link(),))
    desk.gateway.results = [FailureClass.BUSY]
    await desk.happen(ReferralReceived)
    await desk.send_faxes()
    await desk.pass_time(timedelta(minutes=45))
    await desk.hand_to_emr()
    (emr,) = await desk.deliveries(channel="emr")
    await desk.consume(desk.delivered(emr["id"]))
    await desk.watch_faxes()

    assert await desk.states() == [("fax", "withdrawn"), ("emr", "confirmed")]
    assert len(desk.gateway.sent) == 1
