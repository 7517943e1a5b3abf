"""Looking for messages and into them: by whose number, with whose leave, and noted each time."""

from datetime import timedelta
from uuid import uuid4

import httpx2
import pytest
from tests.emr_bridge.builders import CLINIC, messages_of, referral, rows_of, sample, with_link
from tests.emr_bridge.sending import ask

from common.events.referral import ReferralReceived
from common.tables import audit as audit_table
from common.verdicts import Heard
from emr_bridge.api import create
from emr_bridge.handlers import follow
from emr_bridge.handlers.receive import receive
from emr_bridge.store import tables
from emr_bridge.workers.interpreter import interpret_next

WHO = {"X-Actor": "ops:ann"}
WHY = WHO | {"X-Reason": "ZZTEST called about it"}


def opened(runtime, **options):
    transport = httpx2.ASGITransport(create.api(runtime, **options))
    return httpx2.AsyncClient(transport=transport, base_url="http://test")


@pytest.fixture
async def client(runtime):
    async with opened(runtime) as client:
        yield client


async def arrive(runtime, *raws):
    async with runtime.db.begin() as tx:
        await receive(tx, raws, sealer=runtime.sealer, now=runtime.clock())
    while await interpret_next(runtime):
        pass


async def found(client, **params):
    answer = await client.get("/v1/messages", params=params)
    assert answer.status_code == 200, answer.text
    return [item["control_id"] for item in answer.json()["items"]]


async def noted(runtime):
    rows = await rows_of(runtime, audit_table)
    return [(row["actor"], row["action"], row["subject"].split(":")[0]) for row in rows]


async def referred(runtime):
    """Let a referral come of the only message; return its id."""
    (row,) = await messages_of(runtime)
    told = ReferralReceived(
        occurred_at=runtime.clock(),
        referral_id=uuid4(),
        clinic_id=CLINIC,
        code="R4K7QM",
        version=1,
        status="received",
        door="hl7v2",
        received_at=runtime.clock(),
        source_message_id=row["id"],
    )
    async with runtime.db.begin() as tx:
        await follow.referrals_received(tx, [Heard(told, None)], runtime.clock())
    return told.referral_id


async def test_messages_are_found_by_the_placers_number_and_by_time_and_link(runtime, client):
    await with_link(runtime)
    await arrive(runtime, referral("M-1", number="RF-1"))
    runtime.clock.advance(timedelta(hours=1))
    await arrive(runtime, referral("M-2", number="RF-2"), referral("M-3", sender="X|Y"))
    assert await found(client, placer_number=" rf-2 ") == ["M-2"]
    assert await found(client, placer_number="RF-9") == []
    assert await found(client, link_id=f"{CLINIC}/epic") == ["M-2", "M-1"]
    assert await found(client, clinic_id=CLINIC, state="review") == []
    noon = (runtime.clock() - timedelta(minutes=30)).isoformat()
    assert await found(client, since=noon) == ["M-3", "M-2"]
    assert await found(client, until=noon) == ["M-1"]
    assert (await client.get("/v1/messages", params={"since": "noon"})).status_code == 422
    assert (await client.get("/v1/messages", params={"patient_hash": "77"})).status_code == 422


async def test_what_was_sent_about_a_number_is_found_beside_what_came_with_it(runtime, client):
    await with_link(runtime, host="emr.example", port=1)
    await arrive(runtime, referral("M-1"))
    referral_id = await referred(runtime)
    await ask(runtime, referral_id=referral_id)
    listed = (await client.get("/v1/messages", params={"placer_number": "RF-1"})).json()["items"]
    assert {item["direction"] for item in listed} == {"received", "sent"}
    assert {item["referral_id"] for item in listed} == {str(referral_id)}
    assert await found(client, direction="received", referral_id=str(referral_id)) == ["M-1"]
    ours = (await client.get("/v1/messages", params={"direction": "sent"})).json()["items"]
    one = await client.get(f"/v1/messages/{ours[0]['id']}")
    assert (one.json()["direction"], one.json()["patient_hashes"]) == ("sent", [])
    empty = await client.get(f"/v1/messages/{ours[0]['id']}/segments", headers=WHO)
    assert empty.status_code == 404


async def test_a_patients_messages_are_found_by_a_number_that_is_never_in_an_address(
    runtime, client
):
    """INVARIANT: that somebody looked for a patient is noted. Broken by a search without a name."""
    await with_link(runtime)
    await arrive(runtime, referral("M-1"), referral("M-2").replace(b"1||77^", b"1||78^"))
    asked = {"patient_identifier": "77", "limit": 1}
    assert (await client.post("/v1/messages/search", json=asked)).status_code == 422
    answer = await client.post("/v1/messages/search", json=asked, headers=WHO)
    (item,) = answer.json()["items"]
    assert item["control_id"] == "M-1"
    told = (await client.get(f"/v1/messages/{item['id']}")).json()
    assert await found(client, patient_hash=told["patient_hashes"][0]) == ["M-1"]
    assert await noted(runtime) == [("ops:ann", "patient_searched", "patient")]
    nobody = asked | {"patient_identifier": "79"}
    assert (await client.post("/v1/messages/search", json=nobody, headers=WHO)).json()[
        "items"
    ] == []
    for row in await rows_of(runtime, tables.message_keys):
        assert len(row["hash"]) == 64


async def test_a_sheet_is_masked_unless_a_reason_is_given_and_each_look_is_noted(runtime, client):
    await arrive(runtime, sample("ref_i12"))
    (row,) = await messages_of(runtime)
    path = f"/v1/messages/{row['id']}/segments"
    assert (await client.get(path)).status_code == 422
    masked = await client.get(path, headers=WHO)
    assert masked.json()["revealed"] is False
    assert "ZZTEST" not in masked.text
    cells = {cell["place"]: cell for line in masked.json()["segments"] for cell in line["cells"]}
    assert cells["MSH-9.2"]["meaning"] == "Patient referral"
    assert cells["PID-5.1"] == {
        "place": "PID-5.1",
        "name": "Patient name / Family name / Surname",
        "value": "•••",
        "meaning": None,
        "is_masked": True,
    }
    without = await client.get(path, params={"reveal": True}, headers=WHO)
    assert without.status_code == 422
    assert without.json()["errors"][0]["pointer"] == "/header/X-Reason"
    shown = await client.get(path, params={"reveal": True}, headers=WHY)
    assert "ZZTEST" in shown.text
    assert shown.headers["cache-control"] == "no-store"
    assert await noted(runtime) == [
        ("ops:ann", "message_viewed", "message"),
        ("ops:ann", "message_revealed", "message"),
    ]
    audit = (await client.get("/v1/audit", params={"subject": f"message:{row['id']}"})).json()
    assert [entry["reason"] for entry in audit["items"]] == [WHY["X-Reason"], None]
    assert audit["next"] is None


async def test_with_a_second_token_only_who_has_it_sees_patient_data(runtime):
    await arrive(runtime, referral())
    (row,) = await messages_of(runtime)
    async with opened(runtime, patient_data_token="open sesame") as client:
        raw, sheet = (f"/v1/messages/{row['id']}/{part}" for part in ("raw", "segments"))
        wrong = WHY | {"X-Patient-Data-Token": "open barley"}
        for headers in (WHY, wrong):
            for path in (raw, f"{sheet}?reveal=true", f"/v1/outbound/{uuid4()}/raw"):
                refused = await client.get(path, headers=headers)
                assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        assert (await client.get(sheet, headers=WHO)).status_code == 200
        right = WHY | {"X-Patient-Data-Token": "open sesame"}
        assert (await client.get(raw, headers=right)).content == referral()
    assert [action for _, action, _ in await noted(runtime)] == [
        "message_viewed",
        "message_revealed",
    ]


async def test_the_audit_is_read_in_pages(runtime, client):
    await arrive(runtime, referral())
    (row,) = await messages_of(runtime)
    for name in ("ann", "bob", "ann"):
        headers = {"X-Actor": name}
        await client.get(f"/v1/messages/{row['id']}/segments", headers=headers)
    first = (await client.get("/v1/audit", params={"limit": 2})).json()
    assert [entry["actor"] for entry in first["items"]] == ["ann", "bob"]
    rest = {"cursor": first["next"]}
    assert len((await client.get("/v1/audit", params=rest)).json()["items"]) == 1
    assert len((await client.get("/v1/audit", params={"actor": "ann"})).json()["items"]) == 2
