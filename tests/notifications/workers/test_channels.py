from datetime import timedelta

from tests.notifications.builders import ALL, CARD, PACE, Desk, hl7_link

from common.events.notification import EmrDeliveryRequested, NoticeContent, NoticeDelivered
from common.events.referral import InformationNeeded, ReferralReceived
from notifications.channels.console import Console
from notifications.workers.claiming import take_ready
from notifications.workers.console import ConsoleWorker


async def test_the_console_shows_a_notice_without_names_and_confirms_it(desk: Desk) -> None:
    shown: list[str] = []
    await desk.know(channels=("console",))
    await desk.happen(ReferralReceived)
    worker = ConsoleWorker(desk.runtime, desk.means, Console(shown.append), PACE)
    assert await worker.step()
    assert not await worker.step()

    (text,) = shown
    assert "7F3KQ2" in text
    assert "ZZ" not in text
    assert "Zz" not in text
    assert len(await desk.published(NoticeDelivered)) == 1


async def test_what_a_vanished_console_had_taken_is_confirmed_and_not_shown_twice(
    desk: Desk,
) -> None:
    shown: list[str] = []
    await desk.know(channels=("console",))
    await desk.happen(ReferralReceived)
    await take_ready(desk.runtime, "console", means=desk.means, pace=PACE)
    desk.clock.advance(PACE.lease + timedelta(seconds=1))
    worker = ConsoleWorker(desk.runtime, desk.means, Console(shown.append), PACE)
    assert await worker.step()
    assert await desk.states() == [("console", "confirmed")]


async def test_emr_bridge_gets_the_words_sealed_and_the_questions_line_by_line(
    desk: Desk,
) -> None:
    await desk.know(channels=("emr",), hl7_links=(hl7_link(),))
    await desk.happen(InformationNeeded)
    await desk.hand_to_emr()

    (request,) = await desk.published(EmrDeliveryRequested)
    assert "ZZ" not in request.model_dump_json(exclude={"sealed"})
    content = request.unsealed(desk.runtime.sealer, NoticeContent)
    assert content.patient == CARD.patient
    assert any("member id" in line for line in content.lines)
    assert content.addressed_to.startswith("Ana Zzcontact")
    assert not await desk.hand_to_emr()


async def test_a_channel_that_is_switched_off_takes_nothing_more(desk: Desk) -> None:
    await desk.know(channels=("emr", "fax"), hl7_links=(hl7_link(),))
    await desk.happen(ReferralReceived)
    desk.configured = ALL - {"emr"}
    await desk.hand_to_emr()

    assert await desk.published(EmrDeliveryRequested) == []
    assert await desk.states() == [("emr", "failed"), ("fax", "queued")]
