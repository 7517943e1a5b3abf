"""What a person does with a parked message: over HTTP, with a name and a reason, and audited."""

from datetime import timedelta
from uuid import uuid4

import httpx2
import pytest
from tests.emr_bridge.builders import CLINIC, events
from tests.emr_bridge.sending import ask, go, linked, sender_for, states, stepping, take_back

from common import audit
from common.events.emr import MessageDelivered
from common.events.referral import Appointment
from emr_bridge.api import create
from emr_bridge.store import gauges, links
from simulators.emr import EmrServer, accept, reject, slow

WHO = {"X-Actor": "ops:r.smith", "X-Reason": "to mend it"}
WHY = {"reason": "the interface team mended the filter"}


@pytest.fixture
async def client(runtime):
    transport = httpx2.ASGITransport(create.api(runtime))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
async def emr():
    server = EmrServer()
    await server.start()
    yield server
    await server.close()


@pytest.fixture
async def sender(runtime):
    made = sender_for(runtime)
    yield made
    await made._drain()


@pytest.fixture
async def parked(runtime, emr, sender, client):
    """A message that the EMR refused with AE 101."""
    await linked(runtime, emr)
    await emr.follow(reject("AE", error="101"))
    await ask(runtime)
    await go(sender)
    (item,) = (await client.get("/v1/outbound", params={"state": "parked"})).json()["items"]
    return item


async def decide(client, item, verb, body=None):
    path = f"/v1/outbound/{item['id']}/{verb}"
    return await client.post(path, json=body or WHY, headers=WHO)


async def noted(runtime, subject):
    async with runtime.db.read() as tx:
        return await audit.page(tx, subject=subject, limit=10, sealer=runtime.sealer)


async def test_a_parked_message_tells_why_in_codes_and_not_what_it_says(parked, client):
    assert (parked["last_code"], parked["message_type"]) == ("AE 101", "ORU^R01")
    assert (parked["part"], parked["attempts"], parked["overtaken"]) == ("report", 1, False)
    told = (await client.get(f"/v1/outbound/{parked['id']}")).json()
    assert [one["verdict"] for one in told["tried"]] == ["park"]
    assert told["revisions"] == []
    assert "ZZTEST" not in str(told)


async def test_replayed_it_goes_out_with_the_same_bytes_and_is_told_as_delivered(
    runtime, emr, sender, client, parked
):
    answer = await decide(client, parked, "replay")
    assert (answer.status_code, answer.json()["state"]) == (200, "waiting")
    await go(sender)
    first, second = emr.received
    assert first.message == second.message
    told = (await client.get(f"/v1/outbound/{parked['id']}")).json()
    assert [one["verdict"] for one in told["tried"]] == ["park", "delivered"]
    assert isinstance((await events(runtime))[-1], MessageDelivered)
    (entry,) = await noted(runtime, f"outbound:{parked['id']}")
    assert (entry["actor"], entry["action"]) == ("ops:r.smith", "message_replayed")
    assert entry["reason"] == WHY["reason"]
    again = await decide(client, parked, "replay")
    assert again.status_code == 409


async def test_a_replay_that_is_refused_again_is_parked_again(emr, sender, client, parked, runtime):
    await emr.follow(reject("AE", error="101"))
    await decide(client, parked, "replay")
    await go(sender)
    assert await states(runtime) == ["parked"]
    assert (await decide(client, parked, "replay")).status_code == 200


async def test_a_replay_begins_anew_however_long_a_message_was_parked(
    emr, sender, client, parked, runtime, clock
):
    clock.advance(timedelta(days=3))
    await decide(client, parked, "replay")
    await go(sender)
    assert await states(runtime) == ["delivered"]


async def test_an_appointment_given_up_with_its_report_comes_along(runtime, emr, sender, client):
    await linked(runtime, emr)
    await emr.follow(reject("AE", error="101"))
    booked = Appointment(id=uuid4(), kind="delivery", starts_at=runtime.clock())
    await ask(runtime, notice="referral_scheduled", appointment=booked)
    await go(sender)
    assert await states(runtime) == ["parked", "given_up"]
    (item,) = (await client.get("/v1/outbound", params={"state": "parked"})).json()["items"]
    await decide(client, item, "replay")
    await go(sender)
    assert await states(runtime) == ["delivered", "delivered"]


async def raw_of(client, item):
    answer = await client.get(f"/v1/outbound/{item['id']}/raw", headers=WHO)
    assert answer.headers["content-type"] == "application/hl7-v2"
    return answer.text


async def test_edited_it_goes_out_under_a_new_control_id_and_its_history_is_kept(
    runtime, emr, sender, client, parked
):
    text = (await raw_of(client, parked)).replace("ZZTEST^Anna", "ZZTEST^Annette")
    body = WHY | {"message": text.replace("\r", "\n")}
    answer = await decide(client, parked, "edit", body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["revision"] == 1
    assert answer.json()["control_id"] != parked["control_id"]
    await go(sender)
    first, second = emr.received
    assert b"ZZTEST^Annette" in second.message
    assert second.control_id == answer.json()["control_id"]
    assert (
        second.message.replace(b"Annette", b"Anna").replace(
            second.control_id.encode(), first.control_id.encode()
        )
        == first.message
    )
    told = (await client.get(f"/v1/outbound/{parked['id']}")).json()
    (was,) = told["revisions"]
    assert (was["control_id"], was["replaced_by"]) == (parked["control_id"], "ops:r.smith")
    edited, looked = await noted(runtime, f"outbound:{parked['id']}")
    assert (looked["action"], looked["reason"]) == ("message_looked_at", WHO["X-Reason"])
    assert edited["detail"] == {"was": first.control_id, "is": second.control_id}


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("|EPIC|NORTH|", "|OTHER|CLINIC|", "MSH-5"),
        ("ORU^R01^ORU_R01", "ADT^A08^ADT_A01", "MSH-9"),
        ("|2.5.1|", "|2.3|", "MSH-12"),
        ("\rOBR|", "\rZZZ|", "structure"),
        ("^Anna", "", "MSH"),
    ],
)
async def test_an_edit_that_is_another_message_is_refused_by_place(
    runtime, client, parked, old, new, place
):
    text = await raw_of(client, parked)
    changed = text.replace(old, new) if new else "hello"
    answer = await decide(client, parked, "edit", WHY | {"message": changed})
    assert answer.status_code == 422
    details = [fault["detail"].split(" is ")[0] for fault in answer.json()["errors"]]
    assert place in details
    assert "ZZTEST" not in answer.text
    assert await states(runtime) == ["parked"]


async def test_an_edit_without_a_patient_is_refused(client, parked):
    lines = (await raw_of(client, parked)).split("\r")
    bare = "\n".join("PID|1" if line.startswith("PID") else line for line in lines)
    answer = await decide(client, parked, "edit", WHY | {"message": bare})
    faults = {fault["detail"].split(" is ")[0] for fault in answer.json()["errors"]}
    assert faults == {"PID-3", "PID-5"}


async def test_given_up_it_is_over_and_nothing_more_is_told(runtime, client, parked, sender):
    told = await events(runtime)
    answer = await decide(client, parked, "give-up")
    assert (answer.status_code, answer.json()["state"]) == (200, "refused")
    await go(sender)
    assert await events(runtime) == told
    assert (await decide(client, parked, "replay")).status_code == 409


async def test_what_the_clinic_has_by_another_way_is_not_sent_again(runtime, emr, sender, client):
    """INVARIANT: after another channel has confirmed, no replay leaves."""
    await linked(runtime, emr)
    await emr.follow(reject("AE", error="101"))
    asked = await ask(runtime)
    await go(sender)
    await take_back(runtime, asked)
    (item,) = (await client.get("/v1/outbound", params={"state": "withdrawn"})).json()["items"]
    for verb, body in (("replay", WHY), ("edit", WHY | {"message": "MSH|"}), ("give-up", WHY)):
        answer = await decide(client, item, verb, body)
        assert answer.status_code == 409
        assert "another way" in answer.json()["detail"]
    await go(sender)
    assert len(emr.received) == 1


async def test_withdrawn_in_the_replays_flight_its_refusal_ends_it(runtime, emr, sender, client):
    await linked(runtime, emr)
    await emr.follow(reject("AE", error="101"), slow(0.2, "AE"))
    asked = await ask(runtime)
    await go(sender)
    (item,) = (await client.get("/v1/outbound", params={"state": "parked"})).json()["items"]
    await decide(client, item, "replay")
    async with stepping(sender, emr, count=2):
        await take_back(runtime, asked)
    assert await states(runtime) == ["withdrawn"]


async def test_nobody_decides_without_a_name_and_a_reason(client, parked):
    for verb in ("replay", "give-up"):
        path = f"/v1/outbound/{parked['id']}/{verb}"
        assert (await client.post(path, json=WHY)).status_code == 422
        assert (await client.post(path, json={"reason": " "}, headers=WHO)).status_code == 422
        assert (await client.post(path, headers=WHO)).status_code == 422
    assert (await client.get(f"/v1/outbound/{parked['id']}/raw")).status_code == 422


async def test_what_is_not_there_is_404(client):
    for verb in ("replay", "give-up"):
        assert (await decide(client, {"id": uuid4()}, verb)).status_code == 404
    for path in (f"/v1/outbound/{uuid4()}", f"/v1/outbound/{uuid4()}/raw"):
        assert (await client.get(path, headers=WHO)).status_code == 404
    assert (await client.get("/v1/links/nobody/nothing")).status_code == 404
    answer = await client.post("/v1/links/nobody/nothing/resume", json=WHY, headers=WHO)
    assert answer.status_code == 404


async def test_an_older_message_says_when_a_newer_one_has_overtaken_it(
    emr, sender, client, parked, runtime
):
    await ask(runtime)
    await go(sender)
    (item,) = (await client.get("/v1/outbound", params={"state": "parked"})).json()["items"]
    assert item["overtaken"] is True
    listed = (await client.get("/v1/outbound", params={"limit": 1})).json()
    assert listed["items"][0]["state"] == "delivered"
    assert listed["next"] == listed["items"][0]["id"]
    older = await client.get("/v1/outbound", params={"cursor": listed["next"]})
    assert [one["id"] for one in older.json()["items"]] == [parked["id"]]
    by = {"control_id": parked["control_id"], "link_id": parked["link_id"], "clinic_id": CLINIC}
    for name, value in (by | {"referral_id": parked["referral_id"]}).items():
        found = (await client.get("/v1/outbound", params={name: value})).json()["items"]
        assert parked["id"] in [one["id"] for one in found]


async def test_a_link_tells_its_circuit_and_is_resumed_with_a_reason(runtime, emr, sender, client):
    link = await linked(runtime, emr)
    await emr.follow(*[reject("AR", error="200")] * 3, accept("CA"))
    for _ in range(4):
        await ask(runtime, referral_id=uuid4())
    await go(sender)
    told = (await client.get(f"/v1/links/{link.id}")).json()
    assert (told["circuit"], told["last_answer"], told["parked"]) == ("open", "AR 200", 3)
    assert (told["depth"], told["committed"]) == (1, 0)
    assert told["next_attempt_at"] is not None
    answer = await client.post(f"/v1/links/{link.id}/resume", json=WHY, headers=WHO)
    assert (answer.json()["circuit"], answer.json()["next_attempt_at"]) == ("closed", None)
    await go(sender)
    assert (await client.get(f"/v1/links/{link.id}")).json()["depth"] == 0
    (entry,) = await noted(runtime, f"link:{link.id}")
    assert entry["action"] == "link_resumed"


async def test_a_decision_lets_a_held_link_go(runtime, emr, sender, client):
    await linked(runtime, emr, dialect={"nack": "hold-link"})
    await emr.follow(reject("AE", error="101"))
    await ask(runtime)
    await ask(runtime, referral_id=uuid4())
    await go(sender)
    (item,) = (await client.get("/v1/outbound", params={"state": "parked"})).json()["items"]
    await decide(client, item, "give-up")
    await go(sender)
    assert await states(runtime) == ["refused", "delivered"]


async def test_metrics_tell_how_each_link_is(runtime, client, parked):
    async with runtime.db.read() as tx:
        readings = await gauges.ask(tx, runtime.clock())
    told = {gauge._name: value for gauge, labels, value in readings if labels}
    assert told == {
        "referral_link_up": 1,
        "referral_link_circuit_open": 0,
        "referral_link_depth": 0,
        "referral_link_oldest_seconds": 0,
        "referral_link_parked": 1,
    }


async def test_a_parked_booking_is_replayed_by_itself(runtime, emr, sender, client):
    await linked(runtime, emr)
    await emr.follow(accept(), reject("AR", error="101"))
    booked = Appointment(id=uuid4(), kind="delivery", starts_at=runtime.clock())
    await ask(runtime, notice="referral_scheduled", appointment=booked)
    await go(sender)
    (item,) = (await client.get("/v1/outbound", params={"state": "parked"})).json()["items"]
    assert (item["part"], item["message_type"]) == ("appointment", "SIU^S12")
    await decide(client, item, "replay")
    await go(sender)
    assert await states(runtime) == ["delivered", "delivered"]
    assert len(await events(runtime)) == 1


async def test_nothing_is_edited_for_a_link_that_the_clinic_took_away(runtime, client, parked):
    text = await raw_of(client, parked)
    async with runtime.db.begin() as tx:
        await links.replace(tx, CLINIC, [])
    answer = await decide(client, parked, "edit", WHY | {"message": text})
    assert answer.status_code == 409


async def test_a_number_with_a_control_character_finds_nothing_and_breaks_nothing(client):
    answer = await client.get("/v1/outbound", params={"control_id": "A\x00B"})
    assert answer.status_code == 422
