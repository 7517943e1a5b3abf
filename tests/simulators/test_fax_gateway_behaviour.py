"""Each row of the suffix table, as an API caller and a callback URL see it."""

import asyncio
import json

import httpx2
import pytest

from simulators import fax_gateway, webhook_receiver


@pytest.fixture
async def gateway(tmp_path):
    async with fax_gateway.running(folder=tmp_path, answer_after=0.02) as gateway:
        yield gateway


@pytest.fixture
async def receiver():
    async with webhook_receiver.running() as receiver:
        yield receiver


@pytest.fixture
async def api(gateway):
    account = gateway.account
    async with httpx2.AsyncClient(
        base_url=f"{gateway.base_url}/v3/projects/{account.project_id}",
        auth=(account.key_id, account.key_secret),
    ) as client:
        yield client


async def send(api, pdf, suffix, pages=2, **fields):
    file = {"file": ("notice.pdf", pdf(pages), "application/pdf")}
    data = {"to": f"+1555010{suffix}", "maxRetries": "0", **fields}
    return await api.post("/faxes", data=data, files=file)


async def ended(api, fax_id):
    async with asyncio.timeout(5):
        while True:
            fax = (await api.get(f"/faxes/{fax_id}")).json()
            if "completedTime" in fax:
                return fax
            await asyncio.sleep(0.01)


async def settle(gateway):
    """Wait until no call is in progress, so that every webhook has been sent."""
    async with asyncio.timeout(5):
        while any(fax.completed is None for fax in gateway.faxes):
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)


def claims(receiver):
    return [
        (event.form["event"], json.loads(event.form["fax"])["status"]) for event in receiver.events
    ]


@pytest.mark.parametrize("suffix", ["0000", "1234", "9999"])
async def test_a_listed_or_unknown_number_is_delivered_with_all_pages(api, pdf, suffix):
    fax = await ended(api, (await send(api, pdf, suffix, pages=3)).json()["id"])

    assert (fax["status"], fax["pagesSentSuccessfully"], fax["numberOfPages"]) == (
        "COMPLETED",
        3,
        3,
    )
    assert "errorType" not in fax


@pytest.mark.parametrize(
    ("suffix", "error", "sent"),
    [
        ("0012", ("FAX_ERROR", 12), 0),
        ("0017", ("CALL_ERROR", 17), 0),
        ("0030", ("CALL_ERROR", 30), 0),
        ("0049", ("CALL_ERROR", 49), 0),
        ("0054", ("DOCUMENT_CONVERSION_ERROR", 54), 0),
        ("0131", ("FAX_ERROR", 131), 1),
        ("0132", ("FAX_ERROR", 132), 0),
    ],
)
async def test_a_failing_number_ends_in_failure_with_its_error_pair(api, pdf, suffix, error, sent):
    fax = await ended(api, (await send(api, pdf, suffix)).json()["id"])

    assert fax["status"] == "FAILURE"
    assert (fax["errorType"], fax["errorCode"]) == error
    assert fax["errorMessage"]
    assert fax["pagesSentSuccessfully"] == sent


@pytest.mark.parametrize(("suffix", "status"), [("0402", 402), ("0429", 429), ("0500", 500)])
async def test_a_refused_send_leaves_no_fax(api, pdf, gateway, suffix, status):
    answer = await send(api, pdf, suffix)

    assert answer.status_code == status
    assert answer.json()["code"] == str(status)
    assert gateway.faxes == []
    assert ("retry-after" in answer.headers) is (status == 429)


async def test_a_send_without_an_answer_still_delivers_exactly_one_fax(api, pdf, gateway):
    with pytest.raises(httpx2.RemoteProtocolError):
        await send(api, pdf, "0408", **{"labels[delivery]": "7"})

    listed = (await api.get("/faxes", params={"to": "+15550100408"})).json()["faxes"]
    assert [fax["labels"] for fax in listed] == [{"delivery": "7"}]
    assert (await ended(api, listed[0]["id"]))["status"] == "COMPLETED"


async def test_a_number_that_is_busy_twice_delivers_the_third_fax(api, pdf):
    ends = [await ended(api, (await send(api, pdf, "2017")).json()["id"]) for _ in range(4)]

    assert [end["status"] for end in ends] == ["FAILURE", "FAILURE", "COMPLETED", "COMPLETED"]


async def test_retries_of_the_gateway_itself_reach_a_number_that_is_busy_twice(api, pdf):
    sent = await send(api, pdf, "2017", maxRetries="3")
    fax = await ended(api, sent.json()["id"])

    assert (fax["status"], fax["retryCount"]) == ("COMPLETED", 2)


async def test_a_dead_number_is_not_dialled_again(api, pdf):
    fax = await ended(api, (await send(api, pdf, "0049", maxRetries="5")).json()["id"])

    assert fax["retryCount"] == 0


async def test_a_number_that_refuses_once_takes_the_second_send(api, pdf):
    answers = [(await send(api, pdf, suffix)).status_code for suffix in ("1429", "1429", "1500")]

    assert answers == [429, 200, 500]


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [
        ("0000", [("FAX_COMPLETED", "COMPLETED")]),
        ("0017", [("FAX_COMPLETED", "FAILURE")]),
        ("0002", [("FAX_COMPLETED", "COMPLETED")] * 2),
        ("0003", [("FAX_COMPLETED", "COMPLETED"), ("FAX_COMPLETED", "IN_PROGRESS")]),
        ("0004", []),
        ("0005", [("FAX_COMPLETED", "COMPLETED")]),
    ],
)
async def test_a_number_tells_its_end_by_webhook_as_its_row_says(
    api, pdf, gateway, receiver, suffix, expected
):
    await send(api, pdf, suffix, callbackUrl=receiver.url)
    await settle(gateway)

    assert claims(receiver) == expected


async def test_webhooks_out_of_order_carry_an_older_time_last(api, pdf, gateway, receiver):
    await send(api, pdf, "0003", callbackUrl=receiver.url)
    await settle(gateway)

    times = [event.form["eventTime"] for event in receiver.events]
    assert times[0] > times[1]


async def test_a_forged_webhook_contradicts_the_resource(api, pdf, gateway, receiver):
    fax_id = (await send(api, pdf, "0005", callbackUrl=receiver.url)).json()["id"]
    await settle(gateway)

    claimed = json.loads(receiver.events[0].form["fax"])
    assert (claimed["status"], claimed["pagesSentSuccessfully"]) == ("COMPLETED", 2)
    assert (await ended(api, fax_id))["status"] == "FAILURE"


async def test_a_multipart_webhook_carries_the_document(api, pdf, gateway, receiver):
    await send(api, pdf, "0000", callbackUrl=receiver.url)
    await settle(gateway)

    event = receiver.events[0]
    assert event.files["file"] == gateway.faxes[0].document.content
    assert event.headers["content-type"].startswith("multipart/form-data")
    assert not event.verified


async def test_a_json_webhook_carries_the_fax_as_an_object(api, pdf, gateway, receiver):
    kind = {"callbackUrlContentType": "application/json"}
    await send(api, pdf, "0000", callbackUrl=receiver.url, **kind)
    await settle(gateway)

    body = json.loads(receiver.events[0].body)
    assert body["event"] == "FAX_COMPLETED"
    assert body["fax"]["status"] == "COMPLETED"
    assert body["fileType"] == "PDF"


async def test_credentials_in_the_callback_url_become_basic_authentication(
    api, pdf, gateway, receiver
):
    url = receiver.url.replace("http://", "http://ours:secret@")
    await send(api, pdf, "0000", callbackUrl=url)
    await settle(gateway)

    assert receiver.events[0].headers["authorization"].startswith("Basic ")


async def test_a_webhook_that_is_not_taken_is_sent_again(api, pdf, gateway, receiver):
    receiver.follow(webhook_receiver.status(500), webhook_receiver.status(503))
    await send(api, pdf, "0000", callbackUrl=receiver.url)
    await settle(gateway)
    async with asyncio.timeout(5):
        while len(gateway.faxes[0].webhooks) < 3:
            await asyncio.sleep(0.01)

    assert [post.answer for post in gateway.faxes[0].webhooks] == [500, 503, 200]
