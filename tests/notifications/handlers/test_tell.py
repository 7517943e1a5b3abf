from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from tests.notifications.builders import ALL, EXTRAS, NOW, Desk, referral_event

from common.errors import SetAside
from common.events import referral
from common.events.clinic import PromiseKind
from common.events.notification import Promised
from common.events.referral import PriorAuthorizationChanged, ReferralEvent
from notifications.domain.telling import TOLD
from notifications.store import early, notices, tables
from notifications.wording.vocabulary import WHO_ACTS

HOURS = {
    PromiseKind.REFERRAL_RECEIVED: 1,
    PromiseKind.INFORMATION_NEEDED: 1,
    PromiseKind.PRIOR_AUTHORIZATION_STATUS: 24,
    PromiseKind.APPOINTMENT: 1,
    PromiseKind.OUTCOME: 1,
}


@pytest.mark.parametrize("kind", TOLD, ids=lambda kind: kind.type)
async def test_an_event_becomes_a_notice_its_promise_and_one_delivery(
    desk: Desk, kind: type[ReferralEvent]
) -> None:
    await desk.know()
    await desk.happen(kind)

    (notice,) = await desk.rows(tables.notices)
    assert notice["name"] == TOLD[kind].notice
    assert await desk.states() == [("fax", "queued")]
    owed = TOLD[kind].owed
    promises = await desk.promises()
    assert [row["kind"] for row in promises] == ([owed] if owed else [])
    for row in promises:
        assert row["due_at"] - row["started_at"] == timedelta(hours=HOURS[row["kind"]])
        assert row["notice_id"] == notice["id"]
    assert len(await desk.published(Promised)) == len(promises)


def test_exactly_the_events_that_change_something_for_the_clinic_are_told() -> None:
    untold = {
        referral.InformationProvided,
        referral.ReferralAccepted,
        referral.ReferralProgressed,
        referral.ReferralShipped,
        referral.CancellationRequested,
    }
    assert set(ReferralEvent.__subclasses__()) - set(TOLD) == untold
    assert set(TOLD) == set(EXTRAS)


async def test_the_clock_of_a_referral_starts_when_it_was_received_not_when_we_read_of_it(
    desk: Desk,
) -> None:
    await desk.know()
    received = NOW - timedelta(minutes=20)
    await desk.happen(referral.ReferralReceived, received_at=received)

    (promise,) = await desk.promises()
    assert promise["started_at"] == received
    assert promise["at_risk_at"] == received + timedelta(minutes=45)
    assert promise["due_at"] == received + timedelta(hours=1)


async def test_the_same_event_twice_makes_one_notice_one_promise_one_delivery(desk: Desk) -> None:
    await desk.know()
    event = referral_event(referral.ReferralReceived, desk.runtime.sealer)
    await desk.consume(event, event)
    again = referral_event(referral.ReferralReceived, desk.runtime.sealer)
    await desk.consume(again)

    assert len(await desk.rows(tables.notices)) == 1
    assert len(await desk.promises()) == 1
    assert len(await desk.deliveries()) == 1


async def test_events_of_a_clinic_that_is_not_known_yet_wait_for_it_and_keep_their_clocks(
    desk: Desk,
) -> None:
    await desk.happen(referral.ReferralReceived)
    await desk.happen(referral.ReferralScheduled, version=2)
    assert await desk.deliveries() == []

    desk.clock.advance(timedelta(minutes=5))
    await desk.know()

    names = [row["name"] for row in await desk.rows(tables.notices)]
    assert names == ["referral_received", "referral_scheduled"]
    assert {row["started_at"] for row in await desk.promises()} == {NOW}
    assert await desk.rows(tables.early_events) == []


async def test_a_person_is_asked_where_an_unknown_clinic_is_until_it_is_known(desk: Desk) -> None:
    """INVARIANT: no event is forgotten silently: without a clinic no promise runs."""
    await desk.happen(referral.ReferralReceived)
    await desk.happen(referral.ReferralScheduled, version=2)
    assert await desk.tasks() == [("unknown_clinic", "open")]

    await desk.know()
    assert await desk.tasks() == [("unknown_clinic", "done")]


async def test_an_event_kept_while_its_clinic_was_being_learned_is_told_by_the_clock(
    desk: Desk,
) -> None:
    """Two processes that do not see each other's transaction leave an event of a known clinic."""
    await desk.know()
    event = referral_event(referral.ReferralReceived, desk.runtime.sealer)
    async with desk.runtime.db.begin() as tx:
        await early.keep(tx, event, None, now=desk.clock())

    assert await desk.look_at_clock()
    assert not await desk.look_at_clock()

    assert await desk.states() == [("fax", "queued")]
    assert await desk.rows(tables.early_events) == []


async def test_an_early_event_without_its_card_is_set_aside_before_it_can_hold_up_its_clinic(
    desk: Desk,
) -> None:
    event = referral_event(referral.ReferralReceived, desk.runtime.sealer, card=None)
    with pytest.raises(SetAside, match="tells nothing of the patient"):
        await desk.consume(event)
    assert await desk.rows(tables.early_events) == []


async def test_a_promise_of_which_we_hear_after_its_time_is_broken_and_still_made_good(
    desk: Desk,
) -> None:
    await desk.know()
    desk.clock.advance(timedelta(hours=3))
    await desk.happen(referral.ReferralReceived, received_at=NOW)
    await desk.pass_time(timedelta(0))

    (promise,) = await desk.promises()
    assert (promise["state"], promise["due_at"]) == ("broken", NOW + timedelta(hours=1))
    assert await desk.states() == [("fax", "queued")]
    assert await desk.send_faxes()


async def test_a_promise_that_was_given_keeps_its_terms_when_the_clinics_terms_change(
    desk: Desk,
) -> None:
    await desk.know()
    await desk.happen(referral.ReferralReceived)
    await desk.know(version=2, promises={"referral_received": {"within": "PT4H"}})
    await desk.happen(referral.ReferralReceived, referral_id=UUID(int=2))

    due = [row["due_at"] - row["started_at"] for row in await desk.promises()]
    assert due == [timedelta(hours=1), timedelta(hours=4)]


async def test_without_an_eligible_channel_a_person_is_asked_and_the_promise_runs(
    desk: Desk,
) -> None:
    await desk.know(fax_numbers=())
    await desk.happen(referral.ReferralReceived)

    assert await desk.deliveries() == []
    assert await desk.tasks() == [("no_eligible_channel", "open")]
    assert len(await desk.promises(state="open")) == 1


async def test_a_channel_that_is_not_configured_here_is_passed_over(desk: Desk) -> None:
    desk.configured = ALL - {"fax"}
    await desk.know(channels=("fax", "webhook"), webhook_url="https://clinic.example/hook")
    await desk.happen(referral.ReferralReceived)

    assert await desk.states() == [("webhook", "queued")]


async def test_an_event_without_its_card_is_set_aside(desk: Desk) -> None:
    await desk.know()
    event = referral_event(referral.ReferralReceived, desk.runtime.sealer, card=None)
    with pytest.raises(SetAside, match="tells nothing of the patient"):
        await desk.consume(event)


async def test_a_promise_runs_in_the_clinics_business_hours_where_it_says_so(desk: Desk) -> None:
    hours = [{"weekday": day, "opens": "08:00", "closes": "17:00"} for day in range(5)]
    await desk.know(
        opening_hours=hours,
        promises={"referral_received": {"within": "PT1H", "business_hours": True}},
    )
    friday = datetime(2026, 3, 6, 22, 30, tzinfo=UTC)  # 16:30 in Chicago
    desk.clock.set(friday)
    await desk.happen(referral.ReferralReceived)

    (promise,) = await desk.promises()
    monday = datetime(2026, 3, 9, 13, 30, tzinfo=UTC)  # 08:30 in Chicago, summer time by now
    assert promise["due_at"] == monday


async def test_the_words_and_the_people_lie_sealed_in_every_row(desk: Desk) -> None:
    await desk.know()
    await desk.happen(referral.InformationNeeded)
    await desk.happen(referral.PriorAuthorizationChanged, version=2, referral_id=UUID(int=2))

    for table in tables.metadata.sorted_tables:
        assert "ZZTEST" not in str(await desk.rows(table)), table.name


async def test_a_notice_of_one_of_two_authorizations_names_its_own_actor_and_no_others_date(
    desk: Desk,
) -> None:
    """The referral waits on the prescriber for the other authorization; this one is at the plan."""
    await desk.know()
    about = {"authorization_waiting_on": "payer", "waiting_on": "prescriber", "respond_by": NOW}
    await desk.happen(PriorAuthorizationChanged, **about)
    await desk.pass_time(timedelta(hours=16))

    told = await desk.rows(tables.notices)
    assert [row["name"] for row in told] == [
        "prior_authorization_changed",
        "prior_authorization_pending",
    ]
    for row in told:
        notice = notices.letter_of(row, sealer=desk.runtime.sealer).notice
        assert row["waiting_on"] == "payer"
        assert notice.who_acts == WHO_ACTS["payer"]
        assert notice.by_when is None
        assert not notice.title.startswith("Reminder")


async def test_an_authorization_told_before_it_named_its_own_actor_is_the_referrals(
    desk: Desk,
) -> None:
    await desk.know()
    await desk.happen(PriorAuthorizationChanged, waiting_on="prescriber")
    (row,) = await desk.rows(tables.notices)
    assert row["waiting_on"] == "prescriber"
