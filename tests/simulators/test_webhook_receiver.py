"""The webhook receiver: whose signature holds, what it keeps, how it answers."""

import json
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from standardwebhooks.webhooks import Webhook

from simulators import webhook_receiver

BODY = json.dumps({"type": "referral.received", "data": {"id": "7"}})


@pytest.fixture
async def receiver():
    async with webhook_receiver.running() as receiver:
        yield receiver


@pytest.fixture
async def outside(receiver):
    async with httpx2.AsyncClient(base_url=receiver.base_url) as client:
        yield client


def signed(secret, webhook_id="msg_1", at=None, body=BODY):
    at = at or datetime.now(UTC)
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(webhook_id, at, body),
    }


async def test_a_webhook_signed_with_our_secret_is_verified(receiver, outside):
    await outside.post("/hook", content=BODY, headers=signed(receiver.secret))

    event = receiver.events[0]
    assert (event.verified, event.id, event.path, event.body) == (
        True,
        "msg_1",
        "/hook",
        BODY.encode(),
    )


async def test_a_webhook_signed_otherwise_is_kept_but_not_verified(receiver, outside):
    other = webhook_receiver.new_secret()
    old = datetime.now(UTC) - timedelta(minutes=6)
    for headers in (
        {},
        signed(other),
        signed(receiver.secret, at=old),
        signed(receiver.secret, body="{}"),
        {**signed(receiver.secret), "webhook-signature": "nonsense"},
    ):
        await outside.post("/hook", content=BODY, headers=headers)

    assert [event.verified for event in receiver.events] == [False] * 5


async def test_bytes_that_are_no_text_are_kept_but_not_verified(receiver, outside):
    await outside.post("/hook", content=b"\xff\xfe", headers=signed(receiver.secret))

    assert [(event.verified, event.body) for event in receiver.events] == [(False, b"\xff\xfe")]


async def test_a_script_of_answers_is_followed_and_then_its_default(receiver, outside):
    receiver.follow(
        webhook_receiver.status(500),
        webhook_receiver.too_many(retry_after=7),
        webhook_receiver.redirect("http://127.0.0.1:9/"),
        webhook_receiver.slow(0.01),
        then=webhook_receiver.status(410),
    )
    answers = [await outside.post("/hook", content=BODY) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [500, 429, 307, 200, 410, 410]
    assert answers[1].headers["retry-after"] == "7"
    assert answers[2].headers["location"] == "http://127.0.0.1:9/"


async def test_a_slow_answer_outlasts_an_impatient_sender(receiver, outside):
    receiver.follow(webhook_receiver.slow(0.5))
    with pytest.raises(httpx2.ReadTimeout):
        await outside.post("/hook", content=BODY, timeout=0.05)

    assert len(receiver.events) == 1


async def test_a_webhook_that_came_twice_is_visible(receiver, outside):
    for webhook_id in ("msg_1", "msg_2", "msg_1"):
        await outside.post("/hook", content=BODY, headers=signed(receiver.secret, webhook_id))

    assert receiver.duplicates() == {"msg_1": 2}


async def test_the_control_api_shows_events_and_changes_the_script(receiver, outside):
    script = {"steps": [{"status": 429, "retryAfter": 3}], "then": {"status": 503}}
    await outside.post("/_sim/script", json=script)
    answers = [await outside.post("/any/path", content=BODY) for _ in range(2)]
    events = (await outside.get("/_sim/events")).json()
    await outside.post("/_sim/reset")

    assert [answer.status_code for answer in answers] == [429, 503]
    assert [(event["path"], event["answer"]) for event in events] == [
        ("/any/path", 429),
        ("/any/path", 503),
    ]
    assert events[0]["body"] == BODY
    assert (await outside.post("/hook", content=BODY)).status_code == 200
    assert len(receiver.events) == 1
