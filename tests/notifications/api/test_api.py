from datetime import timedelta
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs
from tests.notifications.builders import Desk

from common.events.referral import ReferralReceived, ReferralScheduled
from common.tables import audit as audit_table
from notifications.ports import FailureClass
from notifications.store import tables

ACTOR = {"X-Actor": "ops:zz"}
REASON = {"reason": "Front desk says the page never came"}
NOWHERE = "00000000-0000-0000-0000-000000000001"


async def told(desk: Desk, *results: FailureClass | None) -> Any:
    await desk.know()
    desk.gateway.results = list(results)
    await desk.happen(ReferralReceived)
    await desk.send_faxes()
    desk.clock.advance(timedelta(minutes=1))
    await desk.watch_faxes()
    return (await desk.deliveries())[0]


async def test_a_delivery_is_read_with_each_of_its_attempts(
    desk: Desk, api: httpx2.AsyncClient
) -> None:
    row = await told(desk, FailureClass.BUSY)
    answer = await api.get(f"/v1/deliveries/{row['id']}")

    found = answer.json()
    assert answer.status_code == 200
    assert (found["state"], found["reason"], found["attempts"]) == ("queued", "busy", 1)
    assert [(one["number"], one["outcome"]) for one in found["tries"]] == [(1, "busy")]


async def test_deliveries_are_listed_page_by_page_newest_first(
    desk: Desk, api: httpx2.AsyncClient
) -> None:
    await desk.know()
    for version in range(1, 6):
        await desk.happen(ReferralScheduled, version=version)
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await api.get(f"/v1/deliveries?limit=2{cursor}")).json()
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"

    assert seen == [str(row["id"]) for row in reversed(await desk.deliveries())]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("state=queued", 1),
        ("state=confirmed", 0),
        ("channel=fax&clinic_id=lakeside", 1),
        ("channel=emr", 0),
        ("clinic_id=harbor", 0),
        ("referral_id=00000000-0000-0000-0000-000000000001", 1),
    ],
)
async def test_deliveries_are_found_by_what_is_asked_for(
    desk: Desk, api: httpx2.AsyncClient, query: str, expected: int
) -> None:
    await desk.know()
    await desk.happen(ReferralReceived)
    assert len((await api.get(f"/v1/deliveries?{query}")).json()["items"]) == expected


async def test_resending_returns_the_new_delivery_and_keeps_who_and_why(
    desk: Desk, api: httpx2.AsyncClient
) -> None:
    row = await told(desk, FailureClass.DOCUMENT)
    answer = await api.post(f"/v1/deliveries/{row['id']}/resend", json=REASON, headers=ACTOR)

    assert answer.status_code == 201
    new = answer.json()
    assert (new["series"], new["state"], new["requested_by"]) == (2, "queued", "ops:zz")
    assert new["request_reason"] == REASON["reason"]


async def test_resending_twice_under_one_key_sends_once(
    desk: Desk, api: httpx2.AsyncClient
) -> None:
    row = await told(desk, FailureClass.DOCUMENT)
    headers = ACTOR | {"Idempotency-Key": "k1"}
    path = f"/v1/deliveries/{row['id']}/resend"
    first = await api.post(path, json=REASON, headers=headers)
    again = await api.post(path, json=REASON, headers=headers)

    assert first.json() == again.json()
    assert len(await desk.deliveries()) == 2


async def test_resending_what_the_clinic_has_is_refused_unless_it_is_meant(
    desk: Desk, api: httpx2.AsyncClient
) -> None:
    row = await told(desk)
    path = f"/v1/deliveries/{row['id']}/resend"
    refused = await api.post(path, json=REASON, headers=ACTOR)
    assert refused.status_code == 409
    assert refused.headers["content-type"] == "application/problem+json"

    meant = await api.post(path, json=REASON | {"confirm_again": True}, headers=ACTOR)
    assert meant.status_code == 201


async def test_a_resend_needs_somebody_who_asks_and_a_reason(
    desk: Desk, api: httpx2.AsyncClient
) -> None:
    row = await told(desk, FailureClass.DOCUMENT)
    path = f"/v1/deliveries/{row['id']}/resend"
    nobody = await api.post(path, json=REASON)
    assert nobody.status_code == 422
    assert "X-Actor" in nobody.text
    no_reason = await api.post(path, json={}, headers=ACTOR)
    assert no_reason.json()["errors"][0]["pointer"] == "/reason"


async def test_promises_are_listed_by_state(desk: Desk, api: httpx2.AsyncClient) -> None:
    await told(desk)
    (kept,) = (await api.get("/v1/promises?state=kept&clinic_id=lakeside")).json()["items"]
    assert kept["kind"] == "referral_received"
    assert kept["kept_at"] == kept["delivered_at"] is not None
    assert (await api.get("/v1/promises?state=broken")).json()["items"] == []


async def test_a_task_is_done_once(desk: Desk, api: httpx2.AsyncClient) -> None:
    await told(desk, FailureClass.DOCUMENT)
    (task,) = (await api.get("/v1/tasks?state=open")).json()["items"]
    assert task["kind"] == "channels_exhausted"
    done = await api.post(f"/v1/tasks/{task['id']}/done", headers=ACTOR)
    assert (done.json()["state"], done.json()["done_by"]) == ("done", "ops:zz")
    assert (await api.post(f"/v1/tasks/{task['id']}/done", headers=ACTOR)).status_code == 409
    assert (await api.post(f"/v1/tasks/{NOWHERE}/done", headers=ACTOR)).status_code == 404


async def test_a_wrong_number_that_was_put_right_is_sent_to_again(
    desk: Desk, api: httpx2.AsyncClient
) -> None:
    await told(desk, FailureClass.BAD_NUMBER)
    (task,) = (await api.get("/v1/tasks?kind=bad_number")).json()["items"]
    await api.post(f"/v1/tasks/{task['id']}/done", headers=ACTOR)
    await desk.happen(ReferralScheduled, version=2)
    assert (await desk.states())[-1] == ("fax", "queued")


async def test_a_notice_tells_no_names_its_content_does(
    desk: Desk, api: httpx2.AsyncClient
) -> None:
    row = await told(desk)
    notice = await api.get(f"/v1/notices/{row['notice_id']}")
    assert notice.json()["confirmed_by"] == str(row["id"])
    assert "ZZTEST" not in notice.text
    content = await api.get(f"/v1/notices/{row['notice_id']}/content", headers=ACTOR)
    assert content.json()["patient"]["family_name"] == "ZZTESTMILLER"
    assert content.json()["title"]
    assert content.headers["cache-control"] == "no-store"


async def test_a_notice_is_seen_as_the_page_that_is_faxed(
    desk: Desk, api: httpx2.AsyncClient
) -> None:
    row = await told(desk)
    page = await api.get(f"/v1/notices/{row['notice_id']}/page.pdf", headers=ACTOR)
    assert page.headers["content-type"] == "application/pdf"
    assert page.content.startswith(b"%PDF")


@pytest.mark.parametrize(
    "path", ["deliveries/{}", "notices/{}", "notices/{}/content", "notices/{}/page.pdf"]
)
async def test_what_does_not_exist_is_not_found(api: httpx2.AsyncClient, path: str) -> None:
    assert (await api.get(f"/v1/{path.format(NOWHERE)}", headers=ACTOR)).status_code == 404
    assert (await api.get("/v1/audit")).json() == {"items": [], "next": None}


READING = {"content": "content_read", "page.pdf": "page_seen"}


@pytest.mark.parametrize("part", READING)
async def test_whoever_reads_patient_data_is_in_the_audit_and_in_the_log(
    desk: Desk, api: httpx2.AsyncClient, part: str
) -> None:
    """INVARIANT: no look at people's data without a row; the reason lies sealed in it."""
    row = await told(desk)
    why = ACTOR | {"X-Reason": "ZZTEST called"}
    with capture_logs() as logs:
        await api.get(f"/v1/notices/{row['notice_id']}/{part}", headers=why)

    (line,) = [line for line in logs if line["event"] == "notice_read"]
    assert (line["notice_id"], line["actor"]) == (str(row["notice_id"]), "ops:zz")
    (entry,) = (await api.get(f"/v1/audit?subject=notice:{row['notice_id']}")).json()["items"]
    assert (entry["actor"], entry["action"]) == ("ops:zz", READING[part])
    assert entry["reason"] == "ZZTEST called"
    (kept,) = await desk.rows(audit_table)
    assert b"ZZTEST" not in kept["reason"]


@pytest.mark.parametrize("part", READING)
async def test_nobody_reads_patient_data_without_a_name(
    desk: Desk, api: httpx2.AsyncClient, part: str
) -> None:
    row = await told(desk)
    answer = await api.get(f"/v1/notices/{row['notice_id']}/{part}")

    assert answer.status_code == 422
    assert "X-Actor" in str(answer.json()["errors"])
    assert "ZZTEST" not in answer.text
    assert await desk.rows(audit_table) == []


async def test_the_audit_is_read_in_pages_and_by_actor(desk: Desk, api: httpx2.AsyncClient) -> None:
    row = await told(desk)
    path = f"/v1/notices/{row['notice_id']}/content"
    for number in range(3):
        await api.get(path, headers={"X-Actor": f"ops:{number}"})
    first = (await api.get("/v1/audit?limit=2")).json()
    rest = (await api.get(f"/v1/audit?limit=2&cursor={first['next']}")).json()
    mine = (await api.get("/v1/audit?actor=ops:1")).json()["items"]

    read = [entry["actor"] for entry in first["items"] + rest["items"]]
    assert (read, rest["next"]) == (["ops:2", "ops:1", "ops:0"], None)
    assert [entry["actor"] for entry in mine] == ["ops:1"]


async def test_a_page_that_cannot_be_laid_out_is_a_conflict_that_quotes_nothing(
    desk: Desk, api: httpx2.AsyncClient
) -> None:
    await desk.know(name="ZZTEST " * 5000)
    await desk.happen(ReferralReceived)
    (notice,) = await desk.rows(tables.notices)
    answer = await api.get(f"/v1/notices/{notice['id']}/page.pdf", headers=ACTOR)

    assert answer.status_code == 409
    assert "ZZTEST" not in answer.text


async def test_what_was_done_about_a_task_is_kept_sealed(
    desk: Desk, api: httpx2.AsyncClient
) -> None:
    await told(desk, FailureClass.DOCUMENT)
    (task,) = await desk.rows(tables.tasks)
    done = {"reason": "ZZTEST told Ana by phone"}
    answer = await api.post(f"/v1/tasks/{task['id']}/done", json=done, headers=ACTOR)

    assert answer.status_code == 200
    (task,) = await desk.rows(tables.tasks)
    assert task["done_reason"]
    assert "ZZTEST" not in str(task)


@pytest.mark.parametrize(
    "query", ["clinic_id=%00", "cursor=zzz!", "limit=0", "state=lost", "referral_id=7"]
)
async def test_a_question_that_cannot_be_understood_is_refused(
    api: httpx2.AsyncClient, query: str
) -> None:
    answer = await api.get(f"/v1/deliveries?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


async def test_missed_webhooks_are_replayed_for_a_known_clinic(
    desk: Desk, api: httpx2.AsyncClient
) -> None:
    await desk.know()
    path = "/v1/clinics/{}/webhook/replay?since=2026-03-01T00:00:00Z"
    answer = await api.post(path.format("lakeside"), headers=ACTOR)
    assert answer.json() == {"begun": 0}
    assert (await api.post(path.format("nobody"), headers=ACTOR)).status_code == 404


async def test_every_path_is_documented(api: httpx2.AsyncClient) -> None:
    document = (await api.get("/openapi.json")).json()
    paths = {path for path in document["paths"] if path.startswith(("/v1", "/receipts"))}
    assert paths == {
        "/v1/deliveries",
        "/v1/deliveries/{delivery_id}",
        "/v1/deliveries/{delivery_id}/resend",
        "/v1/promises",
        "/v1/tasks",
        "/v1/tasks/{task_id}/done",
        "/v1/notices/{notice_id}",
        "/v1/notices/{notice_id}/content",
        "/v1/notices/{notice_id}/page.pdf",
        "/v1/clinics/{clinic_id}/webhook/replay",
        "/v1/audit",
        "/receipts/{gateway}/{secret}",
    }
    for path in paths:
        for operation in document["paths"][path].values():
            assert operation["summary"]
            assert operation["description"]
