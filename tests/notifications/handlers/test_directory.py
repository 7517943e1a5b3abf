from datetime import date, timedelta

from tests.notifications.builders import FAX, PACE, SECRET, Desk, hl7_link

from common.events.clinic import FaxNumber
from common.events.notification import NoticeDelivered, PromiseBroken
from common.events.referral import ReferralReceived, ReferralScheduled
from notifications.channels.console import Console
from notifications.store import clinics, tables
from notifications.workers.claiming import take_ready
from notifications.workers.console import ConsoleWorker


async def test_without_a_baa_nothing_leaves_and_one_person_is_asked(desk: Desk) -> None:
    """INVARIANT: no update with patient data leaves before the BAA is signed."""
    await desk.know(channels=("fax", "emr", "console"), hl7_links=(hl7_link(),), baa_signed_on=None)
    await desk.happen(ReferralReceived)
    await desk.happen(ReferralScheduled, version=2)
    await desk.send_faxes()
    await desk.hand_to_emr()
    await desk.pass_time(timedelta(hours=2))
    await desk.send_faxes()
    await desk.hand_to_emr()

    assert desk.gateway.sent == []
    assert await desk.states() == [("fax", "held"), ("fax", "held")]
    assert [kind for kind, _ in await desk.tasks()].count("no_baa") == 1
    assert len(await desk.published(PromiseBroken)) == 2


async def test_the_signed_baa_releases_what_was_held_in_its_order(desk: Desk) -> None:
    await desk.know(baa_signed_on=None)
    await desk.happen(ReferralReceived)
    await desk.happen(ReferralScheduled, version=2)
    await desk.know(version=2, baa_signed_on=date(2026, 3, 2))
    for _ in range(2):
        await desk.send_faxes()
        desk.clock.advance(timedelta(minutes=1))
        await desk.watch_faxes()

    told = await desk.published(NoticeDelivered)
    assert [event.notice for event in told] == ["referral_received", "referral_scheduled"]
    assert await desk.tasks() == [("no_baa", "done")]


async def test_a_baa_that_ends_holds_what_was_planned_before(desk: Desk) -> None:
    await desk.know()
    await desk.happen(ReferralReceived)
    await desk.know(version=2, baa_signed_on=None)
    await desk.send_faxes()

    assert desk.gateway.sent == []
    assert await desk.states() == [("fax", "held")]
    assert await desk.tasks() == [("no_baa", "open")]


async def test_without_a_baa_no_webhook_leaves_and_nothing_is_shown(desk: Desk) -> None:
    shown: list[str] = []
    hook = "https://clinic.example/hook"
    await desk.know(channels=("webhook", "console"), webhook_url=hook, baa_signed_on=None)
    await desk.happen(ReferralReceived)
    await desk.pass_time(timedelta(hours=2))

    for channel in ("webhook", "console"):
        assert await take_ready(desk.runtime, channel, means=desk.means, pace=PACE) == []
    await ConsoleWorker(desk.runtime, desk.means, Console(shown.append), PACE).step()
    assert shown == []
    assert await desk.states() == [("webhook", "held")]


async def test_an_older_version_of_a_clinic_changes_nothing(desk: Desk) -> None:
    await desk.know(version=2)
    await desk.know(version=1, channels=(), baa_signed_on=None)
    await desk.happen(ReferralReceived)
    assert await desk.states() == [("fax", "queued")]


async def test_a_fax_goes_to_the_number_that_is_verified_when_it_leaves(desk: Desk) -> None:
    """INVARIANT: the number is read from the directory at the moment of sending."""
    await desk.know()
    await desk.happen(ReferralReceived)
    other = FaxNumber(number="+12125550177", verified_on=date(2026, 2, 2))
    await desk.know(version=2, fax_numbers=(FaxNumber(number=FAX), other))
    await desk.send_faxes()

    assert [fax.to for fax in desk.gateway.sent] == ["+12125550177"]


async def test_a_channel_that_appears_sends_what_had_no_way(desk: Desk) -> None:
    await desk.know(fax_numbers=(FaxNumber(number=FAX),))
    await desk.happen(ReferralReceived)
    assert await desk.tasks() == [("no_eligible_channel", "open")]

    await desk.know(version=2)

    assert await desk.states() == [("fax", "queued")]
    assert await desk.tasks() == [("no_eligible_channel", "done")]


async def test_secrets_and_people_of_a_clinic_are_sealed_at_rest_and_open_again(desk: Desk) -> None:
    await desk.know()
    assert SECRET not in str(await desk.rows(tables.clinics))
    async with desk.runtime.db.read() as tx:
        found = await clinics.find(tx, "lakeside", sealer=desk.runtime.sealer)
    assert found is not None
    assert found.webhook_secret == SECRET
    assert SECRET not in repr(found)
