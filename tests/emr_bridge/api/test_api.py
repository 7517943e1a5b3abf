"""The HTTP door: links and messages, without patient data but for the raw bytes."""

from datetime import timedelta
from uuid import uuid4

import httpx2
import pytest
from tests.emr_bridge.builders import CLINIC, link, messages_of, referral, with_link
from tests.emr_bridge.sending import ask

from common.events.referral import ReferralReceived
from common.verdicts import Heard
from emr_bridge.api import create
from emr_bridge.handlers import follow
from emr_bridge.handlers.receive import receive
from emr_bridge.store import condition, links
from emr_bridge.workers.interpreter import interpret_next

WHY = {"X-Actor": "ops:ann", "X-Reason": "the clinic asked what it sent"}


@pytest.fixture
async def client(runtime):
    transport = httpx2.ASGITransport(create.api(runtime))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def arrive(runtime, *raws):
    async with runtime.db.begin() as tx:
        return await receive(tx, raws, sealer=runtime.sealer, now=runtime.clock())


async def test_messages_are_searched_by_their_marks_newest_first(runtime, client):
    await with_link(runtime)
    await arrive(runtime, referral("M-1"), referral("M-2"), b"hello")
    await interpret_next(runtime)
    listed = (await client.get("/v1/messages")).json()
    assert [item["control_id"] for item in listed["items"]] == ["", "M-2", "M-1"]
    assert listed["next"] is None

    async def found(**params):
        answer = await client.get("/v1/messages", params=params)
        return [item["control_id"] for item in answer.json()["items"]]

    assert await found(control_id="M-1") == ["M-1"]
    assert await found(sender="EPIC|NORTH", limit=1) == ["M-2"]
    assert await found(type="REF^I12", state="interpreted") == ["M-2", "M-1"]
    assert await found(state="refused") == [""]
    assert await found(clinic_id=CLINIC) == ["M-2", "M-1"]
    assert await found(control_id="M-9") == []


async def test_pages_follow_each_other_without_gap_or_repeat(runtime, client):
    await arrive(runtime, *(referral(f"M-{number}") for number in range(5)))
    seen, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/messages", params=params)).json()
        seen += [item["control_id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == ["M-4", "M-3", "M-2", "M-1", "M-0"]


async def test_a_message_tells_what_it_became_and_gives_its_bytes_back(runtime, client):
    await with_link(runtime)
    raw = referral().replace(b"\r", b"\r\n")
    await arrive(runtime, raw)
    await arrive(runtime, raw)
    await interpret_next(runtime)
    (row,) = await messages_of(runtime)
    referral_id = uuid4()
    received = ReferralReceived(
        occurred_at=runtime.clock(),
        referral_id=referral_id,
        clinic_id=CLINIC,
        code="R4K7QM",
        version=1,
        status="received",
        door="hl7v2",
        received_at=runtime.clock(),
        source_message_id=row["id"],
    )
    async with runtime.db.begin() as tx:
        await follow.referrals_received(tx, [Heard(received, None)], runtime.clock())
    told = (await client.get(f"/v1/messages/{row['id']}")).json()
    assert told["became"] == "emr.referral_submitted.v1"
    assert told["referral_id"] == str(referral_id)
    assert (told["state"], told["duplicates"], told["size"]) == ("interpreted", 1, len(raw))
    assert told["repairs"] == ["line_ends"]
    assert "ZZTEST" not in str(told)
    bytes_again = await client.get(f"/v1/messages/{row['id']}/raw", headers=WHY)
    assert bytes_again.content == raw
    assert bytes_again.headers["content-type"] == "application/hl7-v2"
    assert bytes_again.headers["cache-control"] == "no-store"


async def test_an_unknown_message_is_404_and_a_bad_filter_422(client):
    for path in (f"/v1/messages/{uuid4()}", f"/v1/messages/{uuid4()}/raw"):
        answer = await client.get(path, headers=WHY)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await client.get("/v1/messages", params={"state": "lost"})).status_code == 422
    assert (await client.get("/v1/messages", params={"limit": 1000})).status_code == 422


async def test_links_tell_their_state_and_what_waits(runtime, client):
    up, down = link(host="127.0.0.1", port=1), link(id=f"{CLINIC}/b", host="127.0.0.1", port=2)
    inbound, gone = link(id=f"{CLINIC}/c"), link(id=f"{CLINIC}/d")
    async with runtime.db.begin() as tx:
        await links.replace(tx, CLINIC, [up, down, inbound, gone])
        await links.replace(tx, CLINIC, [up, down, inbound])
        await condition.note_down(tx, down.id, "refused", now=runtime.clock())
    await ask(runtime)
    first_asked = runtime.clock()
    runtime.clock.advance(timedelta(minutes=1))
    await ask(runtime)
    items = (await client.get("/v1/links")).json()["items"]
    assert [item["state"] for item in items] == ["down", "inbound_only", "removed", "up"]
    assert items[0]["last_error"] == "refused"
    assert [item["depth"] for item in items] == [2, 0, 0, 0]
    assert items[0]["oldest"] == first_asked.isoformat().replace("+00:00", "Z")
    assert items[3]["oldest"] is None


async def test_the_documentation_names_every_path(client):
    paths = (await client.get("/openapi.json")).json()["paths"]
    assert {"/v1/links", "/v1/messages", "/v1/messages/{message_id}/raw"} <= set(paths)
