import asyncio
import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from tests.notifications.builders import PACE, SECRET, Desk
from tests.notifications.receiver import Receiver, receiving

from common.clock import utc_now
from common.events.clinic import FaxNumber
from common.events.notification import DeliveryFailed, NoticeDelivered
from common.events.people import ClinicCard
from common.events.referral import PriorAuthorizationChanged, ReferralReceived, ReferralScheduled
from common.ids import new_id
from notifications.channels.destinations import Destinations
from notifications.channels.webhook import WebhookSender
from notifications.channels.webhook_body import TYPES
from notifications.handlers.replay import replay_webhooks
from notifications.store.deliveries import Request
from notifications.workers.claiming import take_ready
from notifications.workers.flights import Bounds, Flights
from notifications.workers.webhook import WebhookWorker

REFERRALS = "https://pharmacy.example/v1/referrals/{referral_id}"


@pytest.fixture
async def receiver() -> AsyncGenerator[Receiver]:
    async with receiving() as listening:
        yield listening


class Worker(WebhookWorker):
    """The worker, whose steps end when every answer is there."""

    async def step(self) -> bool:
        began = await super().step()
        await self.flights.land()
        return began


async def working(
    desk: Desk, kind: type[WebhookWorker], *, patience: float = 0.3, **bounds: int
) -> AsyncGenerator[Any]:
    async with httpx2.AsyncClient(trust_env=False) as client:
        sender = WebhookSender(client, Destinations(allow_loopback=True), REFERRALS, patience)
        flights = Flights(Bounds(**bounds))
        yield kind(desk.runtime, desk.means, sender, PACE, draw=lambda: 0.0, flights=flights)
        await flights.abandon()


@pytest.fixture
async def worker(desk: Desk) -> AsyncGenerator[WebhookWorker]:
    async for one in working(desk, Worker):
        yield one


@pytest.fixture
async def busy(desk: Desk) -> AsyncGenerator[WebhookWorker]:
    """The worker as it runs: a step does not wait for answers."""
    async for one in working(desk, WebhookWorker, patience=60, at_once=4, per_endpoint=2):
        yield one


async def received(desk: Desk, receiver: Receiver, **changes) -> None:
    await desk.know(**{"channels": ("webhook", "fax"), "webhook_url": receiver.url} | changes)
    await desk.happen(ReferralReceived)


async def test_a_2xx_confirms_and_the_signature_verifies_with_the_reference_library(
    desk: Desk, receiver: Receiver, worker: WebhookWorker
) -> None:
    await received(desk, receiver)
    await worker.step()

    (post,) = receiver.posts
    told = Webhook(SECRET).verify(post.body, post.headers)
    assert told["type"] == "referral.received"
    assert await desk.states() == [("webhook", "confirmed")]
    assert len(await desk.published(NoticeDelivered)) == 1


async def test_an_altered_body_does_not_verify(
    desk: Desk, receiver: Receiver, worker: WebhookWorker
) -> None:
    await received(desk, receiver)
    await worker.step()
    (post,) = receiver.posts
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(post.body + b" ", post.headers)


async def test_the_body_is_thin_ids_and_codes_and_where_to_read_more(
    desk: Desk, receiver: Receiver, worker: WebhookWorker
) -> None:
    await received(desk, receiver)
    await worker.step()
    (post,) = receiver.posts
    told = json.loads(post.body)
    assert b"ZZ" not in post.body
    assert b"adalimumab" not in post.body
    assert told["data"]["referral_code"] == "7F3KQ2"
    assert told["data"]["waiting_on"] == "pharmacy"
    assert told["data"]["url"] == REFERRALS.format(referral_id=told["data"]["referral_id"])
    assert set(told) == {"type", "timestamp", "data"}
    assert told["timestamp"] == desk.clock().isoformat()
    assert told["type"] in TYPES


async def test_a_heartbeat_has_a_type_of_its_own(
    desk: Desk, receiver: Receiver, worker: WebhookWorker
) -> None:
    await desk.know(channels=("webhook",), webhook_url=receiver.url)
    await desk.happen(PriorAuthorizationChanged)
    await worker.step()
    await desk.pass_time(timedelta(hours=16))
    await worker.step()
    types = [json.loads(post.body)["type"] for post in receiver.posts]
    assert types == ["prior_authorization.changed", "prior_authorization.pending"]


async def test_the_webhook_id_is_the_same_for_every_attempt_and_the_time_is_the_attempts(
    desk: Desk, receiver: Receiver, worker: WebhookWorker
) -> None:
    receiver.answers = [(500, {})]
    await received(desk, receiver)
    await worker.step()
    desk.clock.advance(timedelta(seconds=5))
    await worker.step()

    first, second = receiver.posts
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    sent = datetime.fromtimestamp(int(second.headers["webhook-timestamp"]), tz=UTC)
    assert abs(utc_now() - sent) < timedelta(minutes=1), "receivers compare with the wall's time"
    Webhook(SECRET).verify(second.body, second.headers)


async def test_a_redirect_is_a_failure_and_is_not_followed(
    desk: Desk, receiver: Receiver, worker: WebhookWorker
) -> None:
    receiver.answers = [(302, {"location": f"{receiver.url}/elsewhere"})]
    await received(desk, receiver)
    await worker.step()

    assert [post.path for post in receiver.posts] == ["/hook"]
    (row,) = await desk.deliveries()
    assert (row["state"], row["reason"], row["code"]) == ("queued", "http_status", "302")
    assert row["next_attempt_at"] == desk.clock() + timedelta(seconds=5)


async def test_410_disables_the_endpoint_and_the_next_channel_goes(
    desk: Desk, receiver: Receiver, worker: WebhookWorker
) -> None:
    receiver.answers = [(410, {})]
    await received(desk, receiver)
    await worker.step()
    await desk.happen(ReferralScheduled, version=2)
    await worker.step()

    assert len(receiver.posts) == 1
    assert await desk.states() == [("webhook", "failed"), ("fax", "queued"), ("fax", "queued")]
    assert await desk.tasks() == [("endpoint_gone", "open")]
    (failed,) = await desk.published(DeliveryFailed)
    assert (failed.reason_class, failed.failure_code) == ("gone", "410")


async def test_a_new_address_is_called_although_the_old_one_was_gone(
    desk: Desk, receiver: Receiver, worker: WebhookWorker
) -> None:
    receiver.answers = [(410, {})]
    await received(desk, receiver)
    await worker.step()
    await desk.know(version=2, channels=("webhook",), webhook_url=f"{receiver.url}/new")
    await desk.happen(ReferralScheduled, version=2)
    await worker.step()
    assert [post.path for post in receiver.posts] == ["/hook", "/hook/new"]


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_honoured(
    desk: Desk, receiver: Receiver, worker: WebhookWorker, status: int
) -> None:
    receiver.answers = [(status, {"retry-after": "90"})]
    await received(desk, receiver)
    await worker.step()
    (row,) = await desk.deliveries()
    assert row["reason"] == "throttled"
    assert row["next_attempt_at"] == desk.clock() + timedelta(seconds=90)


async def test_an_endpoint_that_does_not_answer_is_tried_again(
    desk: Desk, receiver: Receiver, worker: WebhookWorker
) -> None:
    receiver.silent = True
    await received(desk, receiver)
    await worker.step()
    (row,) = await desk.deliveries()
    assert (row["state"], row["reason"]) == ("queued", "timeout")


async def test_an_endpoint_that_trickles_its_answer_holds_up_nobody(
    desk: Desk, receiver: Receiver, worker: WebhookWorker
) -> None:
    """INVARIANT: one attempt has one time-out in all; no clinic can stop the others' webhooks."""
    receiver.trickling = True
    await received(desk, receiver)
    async with asyncio.timeout(1.5):
        await worker.step()
    (row,) = await desk.deliveries()
    assert (row["state"], row["reason"]) == ("queued", "timeout")


async def test_an_answer_is_not_read_however_long_it_is(
    desk: Desk, receiver: Receiver, worker: WebhookWorker
) -> None:
    receiver.answers = [(200, {"transfer-encoding": "chunked"})]
    await received(desk, receiver)
    await worker.step()
    assert await desk.states() == [("webhook", "confirmed")]


async def test_an_endpoint_whose_retry_after_is_nonsense_is_tried_by_the_schedule(
    desk: Desk, receiver: Receiver, worker: WebhookWorker
) -> None:
    receiver.answers = [(429, {"retry-after": "\u00b2"})]
    await received(desk, receiver)
    await worker.step()
    (row,) = await desk.deliveries()
    assert row["next_attempt_at"] == desk.clock() + timedelta(seconds=5)


async def test_an_endpoint_that_refuses_the_connection_is_tried_again(
    desk: Desk, worker: WebhookWorker
) -> None:
    async with receiving() as closed:
        pass
    await received(desk, closed)
    await worker.step()
    (row,) = await desk.deliveries()
    assert (row["state"], row["reason"], row["code"]) == ("queued", "unreachable", "ConnectError")


async def test_attempts_follow_the_published_schedule_and_then_a_person_is_asked(
    desk: Desk, receiver: Receiver, worker: WebhookWorker
) -> None:
    receiver.answers = [(500, {})] * 10
    await desk.know(channels=("webhook",), webhook_url=receiver.url)
    await desk.happen(ReferralReceived)
    began, offsets = desk.clock(), []
    while not await desk.deliveries(state="failed"):
        (row,) = await desk.deliveries()
        desk.clock.set(row["next_attempt_at"])
        offsets.append(row["next_attempt_at"] - began)
        await worker.step()

    hours = [2, 5, 10, 14, 20, 24]
    short = [timedelta(0), timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30)]
    assert offsets == short + [timedelta(hours=hour) for hour in hours]
    assert ("channels_exhausted", "open") in await desk.tasks()


async def test_a_worker_that_died_while_posting_posts_again_with_the_same_id(
    desk: Desk, receiver: Receiver, worker: WebhookWorker
) -> None:
    await received(desk, receiver)
    await take_ready(desk.runtime, "webhook", means=desk.means, pace=PACE)
    await worker.step()
    assert receiver.posts == []
    desk.clock.advance(PACE.lease + timedelta(seconds=1))
    await worker.step()

    (row,) = await desk.deliveries()
    (post,) = receiver.posts
    assert post.headers["webhook-id"] == str(row["id"])
    assert (row["state"], row["attempts"]) == ("confirmed", 2)


async def test_a_secret_that_cannot_sign_gives_the_channel_up_at_once(
    desk: Desk, receiver: Receiver, worker: WebhookWorker
) -> None:
    await received(desk, receiver, card=ClinicCard(webhook_secret="whsec_!"))
    await worker.step()
    assert receiver.posts == []
    assert await desk.states() == [("webhook", "failed"), ("fax", "queued")]


async def test_replay_sends_what_failed_and_is_still_open_again(
    desk: Desk, receiver: Receiver, worker: WebhookWorker
) -> None:
    receiver.answers = [(410, {})]
    await received(desk, receiver, fax_numbers=(FaxNumber(number="+12125550100"),))
    began = desk.clock()
    await worker.step()
    async with desk.runtime.db.begin() as tx:
        begun = await replay_webhooks(
            tx,
            "lakeside",
            since=began,
            request=Request("ops:zz", "endpoint repaired"),
            means=desk.means,
            now=desk.clock(),
        )
    await worker.step()

    assert begun == 1
    assert await desk.states() == [("webhook", "failed"), ("webhook", "confirmed")]
    assert ("endpoint_gone", "done") in await desk.tasks()


async def referrals_at(desk: Desk, clinic_id: str, endpoint: Receiver, *, count: int) -> None:
    await desk.know(clinic_id=clinic_id, channels=("webhook",), webhook_url=endpoint.url)
    for _ in range(count):
        await desk.happen(ReferralReceived, clinic_id=clinic_id, referral_id=new_id())


async def test_a_stalled_endpoint_holds_up_nobody_elses_webhooks(
    desk: Desk, receiver: Receiver, busy: WebhookWorker
) -> None:
    """INVARIANT: one partner never takes all the room; breaks if a step waits for what it began."""
    async with receiving() as stalled:
        stalled.silent = True
        await referrals_at(desk, "north", stalled, count=5)
        await referrals_at(desk, "south", stalled, count=5)
        await referrals_at(desk, "lakeside", receiver, count=3)
        while len(await desk.deliveries(clinic_id="lakeside", state="confirmed")) < 3:
            await busy.step()
            await asyncio.sleep(0.01)

        assert len(stalled.posts) == 2, "two at a time, although two clinics share the endpoint"
        waiting = await desk.deliveries(state="sending")
        assert len(waiting) == 2, "what has no room is not held either"


async def test_an_endpoint_that_is_no_url_holds_up_nobody_elses_webhooks(
    desk: Desk, receiver: Receiver, worker: WebhookWorker
) -> None:
    await desk.know(clinic_id="north", channels=("webhook", "fax"), webhook_url="https://[zz/hook")
    await desk.happen(ReferralReceived, clinic_id="north", referral_id=new_id())
    await referrals_at(desk, "lakeside", receiver, count=1)
    await worker.step()

    assert [row["state"] for row in await desk.deliveries(clinic_id="lakeside")] == ["confirmed"]
    (refused,) = await desk.deliveries(clinic_id="north", channel="webhook")
    assert refused["state"] != "confirmed"
    assert len(receiver.posts) == 1


async def test_what_failed_on_its_way_is_told_by_the_next_step_when_the_rest_has_ended(
    desk: Desk,
) -> None:
    flights, ended = Flights(), asyncio.Event()

    async def fail() -> None:
        raise RuntimeError("the database is away")

    async def go_on() -> None:
        await asyncio.sleep(0.01)
        ended.set()

    flights.launch(fail(), "a")
    flights.launch(go_on(), "b")
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="database"):
        await flights.reap()
    assert ended.is_set()
    await flights.reap()
