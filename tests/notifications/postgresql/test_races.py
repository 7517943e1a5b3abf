"""Two who act on the same notice or clinic in the same moment."""

import asyncio
from datetime import date, timedelta

from sqlalchemy import RowMapping, text
from tests.notifications.builders import FAX, PACE, Desk, clinic_changed, hl7_link, referral_event

from common.database import Transaction
from common.events.clinic import ClinicChanged, FaxNumber
from common.events.notification import NoticeDelivered, PromiseKept
from common.events.referral import PriorAuthorizationChanged, ReferralReceived
from common.ids import new_id
from notifications import consumers
from notifications.handlers import keep, switched_off
from notifications.handlers.confirm import confirm
from notifications.handlers.fail import Failure, give_up
from notifications.handlers.finish import finish
from notifications.ports import FailureClass
from notifications.store import clinics, notices, tables
from notifications.store.tasks import Done
from notifications.workers.claiming import take_ready, take_webhooks
from notifications.workers.flights import Flights

OTHER_FAX = "+12125550177"
PATIENCE = 10.0


async def test_the_loop_closes_on_postgresql_too(desk: Desk) -> None:
    await desk.know()
    await desk.happen(ReferralReceived)
    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()

    assert await desk.states() == [("fax", "confirmed")]
    assert len(await desk.published(PromiseKept)) == 1


async def test_no_attempt_begins_while_the_notice_is_being_confirmed(desk: Desk) -> None:
    """INVARIANT: whoever begins an attempt holds the notice; without it the clinic is told twice."""
    await desk.know(channels=("emr", "fax"), hl7_links=(hl7_link(),))
    await desk.happen(ReferralReceived)
    await desk.hand_to_emr()
    await desk.pass_time(timedelta(minutes=46))
    emr, fax = await desk.deliveries()
    assert (emr["state"], fax["state"]) == ("submitted", "queued")

    async with desk.runtime.db.begin() as tx:
        await notices.lock(tx, emr["notice_id"])
        async with asyncio.timeout(PATIENCE):
            assert await take_ready(desk.runtime, "fax", means=desk.means, pace=PACE) == []
        await confirm(tx, emr["id"], at=desk.clock(), now=desk.clock())

    assert await desk.states() == [("emr", "confirmed"), ("fax", "withdrawn")]
    assert not await desk.send_faxes()


async def test_two_channels_that_confirm_at_once_count_once(desk: Desk) -> None:
    await desk.know(channels=("emr", "fax"), hl7_links=(hl7_link(),))
    await desk.happen(ReferralReceived)
    await desk.hand_to_emr()
    await desk.pass_time(timedelta(minutes=46))
    await desk.send_faxes()

    async def one(delivery_id) -> bool:
        async with desk.runtime.db.begin() as tx:
            return await confirm(tx, delivery_id, at=desk.clock(), now=desk.clock())

    rows = await desk.deliveries()
    counted = await asyncio.gather(*(one(row["id"]) for row in rows for _ in range(3)))

    assert sum(counted) == 1
    assert len(await desk.published(NoticeDelivered)) == 1


async def test_what_is_held_back_in_the_moment_the_baa_arrives_is_released(desk: Desk) -> None:
    """INVARIANT: who decides by the BAA holds the clinic; else nobody would release it."""
    await desk.know(baa_signed_on=None)
    event = referral_event(ReferralReceived, desk.runtime.sealer)
    handlers = consumers.handlers(desk.means)

    async with desk.runtime.db.begin() as tx:
        await handlers[ReferralReceived](tx, event, desk.clock())
        learning = asyncio.create_task(desk.know(version=2, baa_signed_on=date(2026, 3, 2)))
        await asyncio.sleep(0.3)
    await asyncio.wait_for(learning, PATIENCE)

    assert await desk.states() == [("fax", "queued")]


async def test_a_number_that_proves_wrong_in_the_moment_it_is_replaced_asks_nobody(
    desk: Desk,
) -> None:
    """INVARIANT: who asks about an address holds its clinic; else the task would stay open for good."""
    await desk.know()
    desk.gateway.results = [FailureClass.BAD_NUMBER]
    await desk.happen(ReferralReceived)
    await desk.send_faxes()
    other = FaxNumber(number=OTHER_FAX, verified_on=date(2026, 3, 2))
    changed = clinic_changed(version=2, fax_numbers=(other,))
    desk.clock.advance(timedelta(minutes=1))

    async with desk.runtime.db.begin() as tx:
        await consumers.handlers(desk.means)[ClinicChanged](tx, changed, desk.clock())
        failing = asyncio.create_task(desk.watch_faxes())
        await asyncio.sleep(0.3)
    await asyncio.wait_for(failing, PATIENCE)

    assert (await desk.deliveries())[0]["reason"] == "bad_number"
    assert await desk.rows(tables.tasks, kind="bad_number") == []


async def test_two_numbers_that_prove_wrong_at_once_are_both_asked_about(desk: Desk) -> None:
    """INVARIANT: a failure closes no task of another address; it may not see that one switched off.

    The first reads the quarantine and must wait for the table of tasks, which the second has.
    """
    one, other = (FaxNumber(number=n, verified_on=date(2026, 1, 2)) for n in (FAX, OTHER_FAX))
    for version, numbers in enumerate([(one, other), (other, one)], start=1):
        await desk.know(version=version, fax_numbers=numbers)
        await desk.happen(ReferralReceived, referral_id=new_id())
        await desk.send_faxes()
    first, second = await desk.deliveries()
    assert {first["destination"], second["destination"]} == {FAX, OTHER_FAX}

    async def prove_wrong(tx: Transaction, row: RowMapping) -> None:
        wrong = Failure("bad_number", "17")
        await give_up(tx, row["id"], wrong, means=desk.means, now=desk.clock())

    async def prove_wrong_alone(row: RowMapping) -> None:
        async with desk.runtime.db.begin() as tx:
            await prove_wrong(tx, row)

    async with desk.runtime.db.begin() as tx:
        await tx.execute(text("LOCK TABLE tasks IN SHARE ROW EXCLUSIVE MODE"))
        failing = asyncio.create_task(prove_wrong_alone(first))
        await asyncio.sleep(0.3)
        await prove_wrong(tx, second)
    await asyncio.wait_for(failing, PATIENCE)

    assert len(await desk.rows(tables.quarantined_numbers)) == 2
    asked = await desk.rows(tables.tasks, kind="bad_number")
    assert [task["state"] for task in asked] == ["open", "open"]


async def prove_wrong_by_fax(desk: Desk, *channels: str) -> RowMapping:
    """Have the clinic's number prove wrong; return the open task."""
    await desk.know(channels=channels)
    desk.gateway.results = [FailureClass.BAD_NUMBER]
    await desk.happen(ReferralReceived)
    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()
    (task,) = await desk.rows(tables.tasks, kind="bad_number")
    return task


async def test_a_clinic_that_changes_while_its_number_is_freed_asks_about_it_no_more(
    desk: Desk,
) -> None:
    """INVARIANT: no task is open about an address in use; broken by freeing without the clinic."""
    task = await prove_wrong_by_fax(desk, "fax", "console")
    async with desk.runtime.db.begin() as tx:
        await finish(tx, task["id"], Done("ops:zz"), means=desk.means, now=desk.clock())
        learning = asyncio.create_task(desk.know(version=2, channels=("fax", "console")))
        await asyncio.sleep(0.3)
    await asyncio.wait_for(learning, PATIENCE)

    asked = await desk.rows(tables.tasks, kind="bad_number")
    assert [one["state"] for one in asked] == ["done"]
    assert await desk.rows(tables.quarantined_numbers) == []


async def test_a_number_is_freed_after_the_change_of_its_clinic_that_came_first(desk: Desk) -> None:
    """INVARIANT: the clinic is taken before its task; the other way round each waits for the other."""
    task = await prove_wrong_by_fax(desk, "fax")

    async def free() -> None:
        async with desk.runtime.db.begin() as tx:
            await finish(tx, task["id"], Done("ops:zz"), means=desk.means, now=desk.clock())

    async with desk.runtime.db.begin() as tx:
        changed = clinic_changed(version=2)
        await clinics.save(tx, changed, sealer=desk.means.sealer, now=desk.clock())
        freeing = asyncio.create_task(free())
        await asyncio.sleep(0.3)
        clinic = await clinics.get(tx, changed.clinic_id, sealer=desk.means.sealer)
        await switched_off.ask(tx, clinic, now=desk.clock())
    await asyncio.wait_for(freeing, PATIENCE)

    assert {state for _, state in await desk.tasks()} == {"done"}
    assert await desk.states() == [("fax", "failed"), ("fax", "queued")]


async def test_an_event_that_comes_while_its_clinic_is_being_learned_is_told(desk: Desk) -> None:
    event = referral_event(ReferralReceived, desk.runtime.sealer)
    handlers = consumers.handlers(desk.means)
    async with desk.runtime.db.begin() as tx:
        await handlers[ReferralReceived](tx, event, desk.clock())
        await asyncio.wait_for(desk.know(), PATIENCE)
    assert await desk.deliveries() == []

    assert await desk.look_at_clock()
    assert await desk.states() == [("fax", "queued")]
    assert await desk.rows(tables.early_events) == []
    assert [state for _, state in await desk.tasks()] == ["done"]


async def still_pending_while(desk: Desk, **said) -> None:
    """Have a "still pending" written at the very moment in which an authorization changes."""
    await desk.know()
    await desk.happen(PriorAuthorizationChanged)
    await desk.send_faxes()
    (beat,) = await desk.rows(tables.heartbeats)
    desk.clock.set(beat["compose_at"])
    async with desk.runtime.db.begin() as tx:
        authorization = beat["prior_authorization_id"]
        await keep.say_still_pending(tx, authorization, means=desk.means, now=desk.clock())
        changing = asyncio.create_task(desk.happen(PriorAuthorizationChanged, version=2, **said))
        await asyncio.sleep(0.3)
    await asyncio.wait_for(changing, PATIENCE)


async def test_a_decision_in_the_moment_of_a_still_pending_ends_the_heartbeat(desk: Desk) -> None:
    """INVARIANT: who is told "approved" is not told "still pending" after it, that day or any other.

    A beat that is deleted and written anew breaks it: who waited for the old row does not see the new.
    """
    await still_pending_while(desk, state="approved", open=False)
    assert await desk.rows(tables.heartbeats) == []
    told = {notice["name"]: notice for notice in await desk.rows(tables.notices)}
    pending = next(notice for name, notice in told.items() if "pending" in name)
    assert pending["superseded_by"] is not None


async def test_another_status_in_the_moment_of_a_still_pending_is_one_heartbeat(desk: Desk) -> None:
    await still_pending_while(desk, state="pended_info")
    (beat,) = await desk.rows(tables.heartbeats)
    assert beat["event"]["state"] == "pended_info"


async def test_two_replicas_that_look_at_once_post_each_webhook_once(desk: Desk) -> None:
    """INVARIANT: the look promises nothing; only who claims a delivery posts it."""
    await desk.know(channels=("webhook",), webhook_url="https://north.example/hook")
    for _ in range(3):
        await desk.happen(ReferralReceived, referral_id=new_id())
    lease = PACE.lease
    looks = (
        take_webhooks(desk.runtime, Flights(), means=desk.means, lease=lease) for _ in range(2)
    )
    taken = [one.delivery["id"] for held in await asyncio.gather(*looks) for one in held]

    assert len(taken) == len(set(taken)) == 3
