"""The gateway's API: what it accepts, what it refuses, how it lists, what it shows of itself."""

import asyncio
import base64
import hashlib
import io
import json
import shutil

import httpx2
import pytest
from PIL import Image

from simulators import fax_gateway, webhook_receiver
from simulators.loopback import NotLoopbackError, listen

TO = "+15550100000"


@pytest.fixture
async def gateway(tmp_path):
    async with fax_gateway.running(folder=tmp_path, answer_after=0.02) as gateway:
        yield gateway


@pytest.fixture
async def api(gateway):
    account = gateway.account
    async with httpx2.AsyncClient(
        base_url=f"{gateway.base_url}/v3/projects/{account.project_id}",
        auth=(account.key_id, account.key_secret),
    ) as client:
        yield client


@pytest.fixture
async def outside(gateway):
    """A caller of the pages and of the control API: no credentials."""
    async with httpx2.AsyncClient(base_url=gateway.base_url) as client:
        yield client


async def send(api, content, **fields):
    file = {"file": ("notice.pdf", content, "application/pdf")}
    return await api.post("/faxes", data={"to": TO, **fields}, files=file)


@pytest.fixture
def settle(gateway, eventually):
    """Wait until every call has ended and every webhook of it was answered."""

    async def wait():
        await eventually(lambda: gateway.calls.is_idle)

    return wait


async def test_an_accepted_fax_is_queued_then_in_progress_then_completed(gateway, api, pdf):
    fax_id = (await send(api, pdf(1))).json()["id"]
    seen = []
    async with asyncio.timeout(5):
        while "COMPLETED" not in seen:
            status = (await api.get(f"/faxes/{fax_id}")).json()["status"]
            seen += [status] if status not in seen else []

    assert seen == ["QUEUED", "IN_PROGRESS", "COMPLETED"]


@pytest.mark.parametrize(
    "labels",
    [{"labels[delivery]": "7", "labels[kind]": "a"}, {"labels": '{"delivery":"7","kind":"a"}'}],
)
async def test_labels_come_back_however_a_form_writes_them(api, pdf, labels):
    fax = (await send(api, pdf(1), **labels)).json()

    assert fax["labels"] == {"delivery": "7", "kind": "a"}


async def test_a_json_send_is_accepted_like_a_form(api, pdf):
    content = pdf(2)
    file = {"file": base64.b64encode(content).decode(), "fileType": "PDF"}
    body = {"to": TO, "files": [file], "labels": {"delivery": "7"}, "maxRetries": 0}
    fax = (await api.post("/faxes", json=body)).json()

    assert (fax["numberOfPages"], fax["labels"], fax["maxRetries"]) == (2, {"delivery": "7"}, 0)
    assert (await api.get(f"/faxes/{fax['id']}/file.pdf")).content == content


async def test_several_destinations_give_several_faxes_and_one_gives_a_bare_fax(api, pdf):
    several = (await send(api, pdf(1), to=[TO, "+15550101111"])).json()
    one = (await send(api, pdf(1), to=[TO])).json()

    assert [fax["to"] for fax in several["faxes"]] == [TO, "+15550101111"]
    assert one["to"] == TO


async def test_several_files_become_one_document(api, pdf):
    files = [("file", ("a.pdf", pdf(1))), ("file", ("b.pdf", pdf(2)))]
    fax = (await api.post("/faxes", data={"to": TO}, files=files)).json()

    assert fax["numberOfPages"] == 3


async def test_an_image_is_faxed_as_a_page(api):
    out = io.BytesIO()
    Image.new("L", (200, 300), 255).save(out, "TIFF")
    fax = (
        await api.post("/faxes", data={"to": TO}, files={"file": ("a.tif", out.getvalue())})
    ).json()

    assert fax["numberOfPages"] == 1


@pytest.mark.parametrize(
    ("name", "code"), [("broken.pdf", 133), ("broken.tif", 129), ("notice.docx", 129)]
)
async def test_a_document_that_cannot_be_converted_fails_after_it_was_accepted(
    settle, gateway, api, name, code
):
    sent = await api.post("/faxes", data={"to": TO}, files={"file": (name, b"not a document")})
    await settle()
    fax = (await api.get(f"/faxes/{sent.json()['id']}")).json()

    assert (fax["errorType"], fax["errorCode"]) == ("DOCUMENT_CONVERSION_ERROR", code)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("to", "5550100000"),
        ("from", "clinic"),
        ("headerText", "x" * 51),
        ("maxRetries", "6"),
        ("callbackUrl", "https://example.com/hook"),
        ("callbackUrlContentType", "text/xml"),
        ("imageConversionMethod", "COLOUR"),
        ("contentUrl", "https://example.com/a.pdf"),
        ("labels", "no json"),
        ("labels", "[]"),
    ],
)
async def test_a_bad_field_is_refused_by_its_name(gateway, api, pdf, field, value):
    answer = await send(api, pdf(1), **{field: value})

    assert answer.status_code == 422
    violations = answer.json()["details"]["fieldViolations"]
    assert [violation["field"] for violation in violations] == [field]
    assert gateway.faxes == []


@pytest.mark.parametrize("body", [{"to": TO}, {"to": TO, "files": {}}, {"to": TO, "files": [{}]}])
async def test_a_send_without_a_document_is_refused(api, body):
    assert (await api.post("/faxes", json=body)).status_code == 422


async def test_a_json_file_that_is_not_base64_is_refused(api):
    body = {"to": TO, "files": [{"file": "***", "fileType": "PDF"}]}

    assert (await api.post("/faxes", json=body)).status_code == 422


@pytest.mark.parametrize("body", ["{", "[]"])
async def test_a_json_send_that_is_no_object_is_a_bad_request(api, body):
    headers = {"content-type": "application/json"}

    assert (await api.post("/faxes", content=body, headers=headers)).status_code == 400


@pytest.mark.parametrize("auth", [None, ("simulated-key", "wrong")])
async def test_a_caller_without_the_right_key_is_refused(gateway, auth):
    url = f"{gateway.base_url}/v3/projects/{gateway.account.project_id}/faxes"
    async with httpx2.AsyncClient(auth=auth) as client:
        assert (await client.get(url)).status_code == 401


async def test_another_project_and_another_fax_are_not_found(gateway, api):
    url = f"{gateway.base_url}/v3/projects/other/faxes"

    assert (await api.get(url)).status_code == 404
    assert (await api.get("/faxes/01UNKNOWN")).status_code == 404


async def test_deleting_the_content_leaves_the_fax_and_the_paper(gateway, api, outside, pdf):
    content = pdf(1)
    fax_id = (await send(api, content)).json()["id"]

    assert (await api.delete(f"/faxes/{fax_id}/file")).status_code == 204
    assert (await api.get(f"/faxes/{fax_id}/file.pdf")).status_code == 404
    assert (await api.get(f"/faxes/{fax_id}")).json()["hasFile"] is False
    assert (await outside.get(f"/_sim/faxes/{fax_id}/file.pdf")).content == content


async def test_a_list_is_newest_first_and_comes_in_pages(api, pdf):
    ids = [(await send(api, pdf(1))).json()["id"] for _ in range(3)]
    first = (await api.get("/faxes", params={"pageSize": 2})).json()
    second = (await api.get("/faxes", params={"pageSize": 2, "page": 2})).json()

    assert [fax["id"] for fax in first["faxes"] + second["faxes"]] == ids[::-1]
    assert (first["pageNumber"], first["totalPages"], first["totalItems"]) == (1, 2, 3)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("to=%2B15550100017", 1),
        ("to=+1555010", 2),
        ("to=%2B19", 0),
        ("from=%2B15550100001", 2),
        ("direction=OUTBOUND", 2),
        ("direction=INBOUND", 0),
        ("status=FAILURE", 1),
        ("serviceId=other", 0),
        ("createTime=20", 2),
        ("createTime=1999-01", 0),
        ("createTime=1999-01-01T00:00:00Z", 2),
        ("createTime>=1999-01-01", 2),
        ("createTime>=2999-01-01T00:00:00Z", 0),
        ("createTime<=1999-01-01", 0),
        ("createTime<=2999-01-01T00:00:00Z", 2),
        ("createTime>=1999-01-01&createTime<=2999-01-01", 2),
    ],
)
async def test_a_list_holds_only_what_was_asked_for(settle, gateway, api, pdf, query, found):
    await send(api, pdf(1))
    await send(api, pdf(1), to="+15550100017", maxRetries="0")
    await settle()

    assert (await api.get(f"/faxes?{query}")).json()["totalItems"] == found


@pytest.mark.parametrize("query", ["pageSize=0", "pageSize=1001", "page=x", "createTime=nowT"])
async def test_a_list_that_asks_nonsense_is_a_bad_request(api, pdf, query):
    await send(api, pdf(1))

    assert (await api.get(f"/faxes?{query}")).status_code == 400


async def test_the_folder_holds_the_document_and_pages_of_fax_width(settle, gateway, api, pdf):
    content = pdf(2)
    fax_id = (await send(api, content, imageConversionMethod="MONOCHROME")).json()["id"]
    await settle()

    assert (gateway.archive.folder / f"{fax_id}.pdf").read_bytes() == content
    pages = sorted(gateway.archive.folder.glob("*.png"))
    assert [page.name for page in pages] == [f"{fax_id}-1.png", f"{fax_id}-2.png"]
    with Image.open(pages[0]) as image:
        assert (image.width, image.mode) == (1728, "1")


async def test_the_page_shows_each_fax_with_its_error_and_its_paper(
    settle, gateway, api, outside, pdf
):
    await send(api, pdf(1), to="+15550100017", maxRetries="0")
    await settle()
    answer = await outside.get("/")
    fax_id = gateway.faxes[0].id

    assert "CALL_ERROR 17" in answer.text
    assert f"/_sim/faxes/{fax_id}/pages/1.png" in answer.text
    image = await outside.get(f"/_sim/faxes/{fax_id}/pages/1.png")
    assert image.headers["content-type"] == "image/png"
    assert (await outside.get(f"/_sim/faxes/{fax_id}/pages/2.png")).status_code == 404


async def test_the_page_escapes_what_a_caller_wrote(gateway, outside):
    gateway.exchange.faxes.clear()
    body = {"callbackUrl": "http://127.0.0.1:9/", "from": "+15550109999", "to": TO}
    file = {"file": ("<b>.pdf", b"<script>", "application/pdf")}
    await outside.post("/_sim/incoming", data=body, files=file)

    answer = await outside.get("/")
    assert "<script>" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


async def test_the_audit_shows_labels_digest_and_how_often_a_document_arrived(
    settle, gateway, api, outside, pdf
):
    content = pdf(1)
    for _ in range(2):
        await send(api, content, **{"labels[delivery]": "7"})
    await settle()
    audit = (await outside.get("/_sim/faxes")).json()

    assert [fax["labels"] for fax in audit] == [{"delivery": "7"}] * 2
    assert {fax["sha256"] for fax in audit} == {hashlib.sha256(content).hexdigest()}
    assert {fax["timesDelivered"] for fax in audit} == {2}
    assert all(fax["delivered"] for fax in audit)


@pytest.mark.parametrize("outage", [{"on": True}, {"seconds": 30}])
async def test_an_outage_refuses_every_call_until_it_is_over(gateway, api, outside, outage):
    await outside.post("/_sim/outage", json=outage)
    during = await api.get("/faxes")
    shown = (await outside.get("/")).text
    await outside.post("/_sim/outage", json={"off": True})

    assert during.status_code == 503
    assert "Outage" in shown
    assert (await api.get("/faxes")).status_code == 200


async def test_an_outage_of_some_seconds_ends_by_itself(api, outside):
    await outside.post("/_sim/outage", json={"seconds": 0.01})
    await asyncio.sleep(0.05)

    assert (await api.get("/faxes")).status_code == 200


async def test_a_number_can_change_its_behaviour_at_run_time(api, outside, pdf):
    await outside.post("/_sim/behaviour", json={"number": TO, "suffix": "0500"})
    broken = await send(api, pdf(1))
    await outside.post("/_sim/behaviour", json={"number": TO, "suffix": "0000"})

    assert (broken.status_code, (await send(api, pdf(1))).status_code) == (500, 200)
    unknown = await outside.post("/_sim/behaviour", json={"number": TO, "suffix": "7777"})
    assert unknown.status_code == 422


async def test_a_reset_forgets_faxes_files_behaviour_and_outage(settle, gateway, api, outside, pdf):
    await send(api, pdf(1))
    await settle()
    gateway.set_behaviour(TO, "0500")
    gateway.exchange.begin_outage()
    await outside.post("/_sim/reset")

    assert (await api.get("/faxes")).json()["totalItems"] == 0
    assert list(gateway.archive.folder.iterdir()) == []
    assert (await send(api, pdf(1))).status_code == 200


async def test_an_inbound_fax_is_announced_with_its_pages(settle, gateway, api, outside, pdf):
    async with webhook_receiver.running() as receiver:
        body = {"from": "+15550109999", "to": TO, "callbackUrl": receiver.url}
        await outside.post("/_sim/incoming", data=body, files={"file": ("a.pdf", pdf(3))})
        await settle()

    event = receiver.events[0]
    fax = json.loads(event.form["fax"])
    assert event.form["event"] == "INCOMING_FAX"
    assert (fax["direction"], fax["from"], fax["numberOfPages"]) == ("INBOUND", "+15550109999", 3)
    listed = (await api.get("/faxes", params={"direction": "INBOUND"})).json()["faxes"]
    assert [item["id"] for item in listed] == [fax["id"]]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com"])
def test_a_simulator_refuses_to_listen_beyond_loopback(host):
    with pytest.raises(NotLoopbackError):
        listen(host)


async def fail_a_call(folder, content, eventually, caplog):
    async with fax_gateway.running(folder=folder, answer_after=0.1) as gateway:
        account = gateway.account
        url = f"{gateway.base_url}/v3/projects/{account.project_id}"
        auth = (account.key_id, account.key_secret)
        async with httpx2.AsyncClient(base_url=url, auth=auth) as client:
            await send(client, content)
        shutil.rmtree(folder)
        await eventually(lambda: "a call failed" in caplog.text)


async def test_a_call_that_goes_wrong_is_not_passed_over(tmp_path, pdf, eventually, caplog):
    with pytest.raises(ExceptionGroup, match="calls failed"):
        await fail_a_call(tmp_path / "faxes", pdf(1), eventually, caplog)
