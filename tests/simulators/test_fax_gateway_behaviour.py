"""Each row of the suffix table, as an API caller and a callback URL see it."""

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


@pytest.fixture
def settle(gateway, eventually):
    """Wait until every call has ended and every webhook of it was answered."""

    async def wait():
        await eventually(lambda: gateway.calls.is_idle)

    return wait


async def end_of(api, settle, sent):
    await settle()
    return (await api.get(f"/faxes/{sent.json()['id']}")).json()


def claims(receiver):
    return [
        (event.form["event"], json.loads(event.form["fax"])["status"]) for event in receiver.events
    ]


@pytest.mark.parametrize("suffix", ["0000", "1234", "9999"])
async def test_a_listed_or_unknown_number_is_delivered_with_all_pages(api, pdf, settle, suffix):
    fax = await end_of(api, settle, await send(api, pdf, suffix, pages=3))

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
async def test_a_failing_number_ends_in_failure_with_its_error_pair(
    api, pdf, settle, suffix, error, sent
):
    fax = await end_of(api, settle, await send(api, pdf, suffix))

    assert fax["status"] == "FAILURE"
    assert (fax["errorType"], fax["errorCode"]) == error
    assert fax["errorMessage"]
    assert fax["pagesSentSuccessfully"] == sent


@pytest.mark.parametrize(("suffix", "status"), [("0402", 402), ("0429", 429), ("0500", 500)])
async def test_a_refused_send_leaves_no_fax(api, pdf, settle, gateway, suffix, status):
    answer = await send(api, pdf, suffix)

    assert answer.status_code == status
    assert answer.json()["code"] == str(status)
    assert gateway.faxes == []
    assert ("retry-after" in answer.headers) is (status == 429)


async def test_a_send_without_an_answer_still_delivers_exactly_one_fax(api, pdf, settle, gateway):
    with pytest.raises(httpx2.RemoteProtocolError):
        await send(api, pdf, "0408", **{"labels[delivery]": "7"})

    await settle()
    listed = (await api.get("/faxes", params={"to": "+15550100408"})).json()["faxes"]
    assert [fax["labels"] for fax in listed] == [{"delivery": "7"}]
    assert listed[0]["status"] == "COMPLETED"


async def test_a_number_that_is_busy_twice_delivers_the_third_fax(api, pdf, settle):
    ends = [await end_of(api, settle, await send(api, pdf, "2017")) for _ in range(4)]

    assert [end["status"] for end in ends] == ["FAILURE", "FAILURE", "COMPLETED", "COMPLETED"]


async def test_retries_of_the_gateway_itself_reach_a_number_that_is_busy_twice(api, pdf, settle):
    sent = await send(api, pdf, "2017", maxRetries="3")
    fax = await end_of(api, settle, sent)

    assert (fax["status"], fax["retryCount"]) == ("COMPLETED", 2)


async def test_a_dead_number_is_not_dialled_again(api, pdf, settle):
    fax = await end_of(api, settle, await send(api, pdf, "0049", maxRetries="5"))

    assert fax["retryCount"] == 0


async def test_a_number_that_refuses_once_takes_the_second_send(api, pdf, settle):
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
    api, pdf, settle, receiver, suffix, expected
):
    await send(api, pdf, suffix, callbackUrl=receiver.url)
    await settle()

    assert claims(receiver) == expected


async def test_webhooks_out_of_order_carry_an_older_time_last(api, pdf, settle, gateway, receiver):
    await send(api, pdf, "0003", callbackUrl=receiver.url)
    await settle()

    times = [event.form["eventTime"] for event in receiver.events]
    assert times[0] > times[1]


async def test_a_forged_webhook_contradicts_the_resource(api, pdf, settle, gateway, receiver):
    sent = await send(api, pdf, "0005", callbackUrl=receiver.url)
    fax = await end_of(api, settle, sent)

    claimed = json.loads(receiver.events[0].form["fax"])
    assert (claimed["status"], claimed["pagesSentSuccessfully"]) == ("COMPLETED", 2)
    assert (fax["status"], fax["errorCode"]) == ("FAILURE", 17)


async def test_a_multipart_webhook_carries_the_document(api, pdf, settle, gateway, receiver):
    await send(api, pdf, "0000", callbackUrl=receiver.url)
    await settle()

    event = receiver.events[0]
    assert event.files["file"] == gateway.faxes[0].document.content
    assert event.headers["content-type"].startswith("multipart/form-data")
    assert not event.verified


async def test_a_json_webhook_carries_the_fax_as_an_object(api, pdf, settle, gateway, receiver):
    kind = {"callbackUrlContentType": "application/json"}
    await send(api, pdf, "0000", callbackUrl=receiver.url, **kind)
    await settle()

    body = json.loads(receiver.events[0].body)
    assert body["event"] == "FAX_COMPLETED"
    assert body["fax"]["status"] == "COMPLETED"
    assert body["fileType"] == "PDF"


async def test_credentials_in_the_callback_url_become_basic_authentication(
    api, pdf, settle, receiver
):
    url = receiver.url.replace("http://", "http://ours:secret@")
    await send(api, pdf, "0000", callbackUrl=url)
    await settle()

    assert receiver.events[0].headers["authorization"].startswith("Basic ")


async def test_a_webhook_that_is_not_taken_is_sent_again(api, pdf, settle, gateway, receiver):
    receiver.follow(webhook_receiver.status(500), webhook_receiver.status(503))
    await send(api, pdf, "0000", callbackUrl=receiver.url)
    await settle()

    assert [post.answer for post in gateway.faxes[0].webhooks] == [500, 503, 200]
