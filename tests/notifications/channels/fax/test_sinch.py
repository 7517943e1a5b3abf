import asyncio
import io
import json
from base64 import b64decode
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from fastapi import FastAPI, Request
from reportlab.pdfgen.canvas import Canvas
from structlog.testing import capture_logs

from common.clock import utc_now
from common.ids import new_id
from notifications.channels.fax import sinch_callback
from notifications.channels.fax.sinch import SinchAccount, SinchGateway
from notifications.channels.fax.sinch_answers import fax_status
from notifications.ports import (
    FailureClass,
    FaxState,
    FaxStatus,
    GatewayUnavailable,
    OutgoingFax,
    Refused,
    Submitted,
    Unknown,
)
from simulators import fax_gateway
from simulators.loopback import serving

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def pdf(pages=1):
    out = io.BytesIO()
    canvas = Canvas(out)
    for number in range(pages):
        canvas.drawString(72, 700, f"Page {number}")
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def fax_to(suffix, *, pages=1, content=None, header="Northside Pharmacy Ref 7F3K2M"):
    return OutgoingFax(
        our_id=new_id(),
        to=f"+1555010{suffix}" if len(suffix) == 4 else suffix,
        pages_pdf=content or pdf(pages),
        page_count=pages,
        header=header,
    )


def account_at(gateway, **more):
    account = gateway.account
    credentials = {"key_id": account.key_id, "key_secret": account.key_secret, **more}
    return SinchAccount(project_id=account.project_id, **credentials)


@pytest.fixture
async def http():
    async with httpx2.AsyncClient(timeout=5, trust_env=False) as client:
        yield client


@pytest.fixture
async def far_side(tmp_path):
    async with fax_gateway.running(folder=tmp_path, answer_after=0.02) as gateway:
        yield gateway


@pytest.fixture
def sinch(http, far_side):
    return SinchGateway(http, account_at(far_side), base_url=far_side.base_url)


@asynccontextmanager
async def listening():
    """A callback URL of ours; yields it and what was posted there."""
    posted: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()
    app = FastAPI()

    @app.post("/receipts/sinch")
    async def receive(request: Request) -> None:
        await posted.put((dict(request.headers), await request.body()))

    async with serving(app) as url:
        yield f"{url}/receipts/sinch", posted


async def the_end_of(sinch, gateway_id):
    for _ in range(500):
        status = await sinch.get(gateway_id)
        if status.state in (FaxState.DELIVERED, FaxState.FAILED):
            return status
        await asyncio.sleep(0.01)
    pytest.fail("the fax did not end within five seconds")


async def sent(sinch, fax):
    submitted = await sinch.submit(fax)
    assert isinstance(submitted, Submitted)
    return await the_end_of(sinch, submitted.gateway_id)


@pytest.mark.parametrize("suffix", ["0000", "0002", "0003", "0004", "7777"])
async def test_a_fax_whose_pages_all_arrived_is_delivered(sinch, suffix):
    status = await sent(sinch, fax_to(suffix, pages=2))

    assert (status.state, status.failure, status.pages_ok) == (FaxState.DELIVERED, None, 2)


async def test_a_delivered_fax_says_when_its_call_ended(sinch):
    before = utc_now()
    status = await sent(sinch, fax_to("0000"))

    margin = timedelta(seconds=1)
    assert before - margin <= status.ended_at <= utc_now() + margin


@pytest.mark.parametrize("said", [None, "", "yesterday", "2026-11-24T20:15:00", 7])
def test_a_time_of_the_gateway_that_cannot_be_read_is_none(said):
    fax = {"id": "1", "status": "COMPLETED", "completedTime": said}

    assert fax_status(fax).ended_at is None


@pytest.mark.parametrize(
    ("suffix", "failure", "code"),
    [
        ("0005", FailureClass.BUSY, "CALL_ERROR/17"),
        ("0012", FailureClass.FAX_PROTOCOL, "FAX_ERROR/12"),
        ("0017", FailureClass.BUSY, "CALL_ERROR/17"),
        ("0030", FailureClass.NO_FAX_TONE, "CALL_ERROR/30"),
        ("0049", FailureClass.BAD_NUMBER, "CALL_ERROR/49"),
        ("0054", FailureClass.DOCUMENT, "DOCUMENT_CONVERSION_ERROR/54"),
        ("0131", FailureClass.PARTIAL, "FAX_ERROR/131"),
        ("0132", FailureClass.NO_FAX_TONE, "FAX_ERROR/132"),
    ],
)
async def test_a_failed_fax_is_told_in_our_words_and_theirs(sinch, suffix, failure, code):
    status = await sent(sinch, fax_to(suffix, pages=2))

    assert (status.state, status.failure, status.code) == (FaxState.FAILED, failure, code)


@pytest.mark.parametrize(
    ("suffix", "failure", "code", "wait"),
    [
        ("0402", FailureClass.ACCOUNT, "402", None),
        ("0429", FailureClass.PROVIDER, "429", 1.0),
        ("not a number", FailureClass.BAD_NUMBER, "422", None),
    ],
)
async def test_a_send_that_is_refused_sends_nothing(sinch, far_side, suffix, failure, code, wait):
    answer = await sinch.submit(fax_to(suffix))

    assert answer == Refused(failure, code=code, retry_after_seconds=wait)
    assert far_side.faxes == []


async def test_a_wrong_key_is_for_operations(http, far_side):
    account = account_at(far_side, key_secret="wrong")
    sinch = SinchGateway(http, account, base_url=far_side.base_url)

    answer = await sinch.submit(fax_to("0000"))

    assert answer == Refused(FailureClass.ACCOUNT, code="401")
    with pytest.raises(GatewayUnavailable):
        await sinch.get("anything")


async def test_a_document_that_is_none_fails_as_one(sinch):
    status = await sent(sinch, fax_to("0000", content=b"not a PDF"))

    assert (status.state, status.failure) == (FaxState.FAILED, FailureClass.DOCUMENT)


async def test_the_order_leaves_redials_to_us_and_asks_for_a_page_that_can_be_read(http, far_side):
    account = account_at(far_side, from_number="+15550100200", service_id="service-1")
    sinch = SinchGateway(http, account, base_url=far_side.base_url)
    fax = fax_to("0000", header="x" * 80)

    await sent(sinch, fax)

    (kept,) = far_side.faxes
    request = kept.request
    assert kept.document.content == fax.pages_pdf
    assert request.labels == {"our_id": str(fax.our_id)}
    assert (request.max_retries, request.resolution) == (0, "FINE")
    assert request.image_conversion_method == "MONOCHROME"
    assert request.header_text == "x" * 50
    assert (request.sender, request.service_id) == ("+15550100200", "service-1")


async def test_a_submit_without_an_answer_is_looked_up_and_only_one_fax_arrives(sinch, far_side):
    """INVARIANT: an unknown submit is never sent again blindly; the look-up finds what was taken."""
    fax = fax_to("0408")
    before = datetime.now(UTC)

    answer = await sinch.submit(fax)
    found = await sinch.find(fax.our_id, to=fax.to, since=before)

    assert isinstance(answer, Unknown)
    assert found is not None
    assert (await the_end_of(sinch, found.gateway_id)).state is FaxState.DELIVERED
    assert len(far_side.faxes) == 1


async def test_a_fax_of_another_attempt_is_not_taken_for_ours(sinch):
    first, second = fax_to("0000"), fax_to("0000")
    await sent(sinch, first)

    assert await sinch.find(second.our_id, to=second.to, since=LONG_AGO) is None
    assert await sinch.find(first.our_id, to="+15550109999", since=LONG_AGO) is None
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert await sinch.find(first.our_id, to=first.to, since=tomorrow) is None


@pytest.mark.parametrize(("suffix", "hints"), [("0000", 1), ("0002", 2), ("0003", 2)])
async def test_however_often_and_in_which_order_webhooks_come_the_read_decides(
    http, far_side, suffix, hints
):
    async with listening() as (url, posted):
        account = account_at(far_side, callback_url=url)
        sinch = SinchGateway(http, account, base_url=far_side.base_url)
        submitted = await sinch.submit(fax_to(suffix))
        assert isinstance(submitted, Submitted)

        for _ in range(hints):
            hint = sinch_callback.fax_id(*await asyncio.wait_for(posted.get(), 5))
            assert hint == submitted.gateway_id
            assert (await sinch.get(hint)).state is FaxState.DELIVERED


async def test_a_forged_webhook_delivers_nothing(http, far_side):
    """INVARIANT: no webhook is believed; Sinch signs none."""
    async with listening() as (url, posted):
        account = account_at(far_side, callback_url=url)
        sinch = SinchGateway(http, account, base_url=far_side.base_url)
        await sinch.submit(fax_to("0005"))

        headers, body = await asyncio.wait_for(posted.get(), 5)
        assert b'"status": "COMPLETED"' in body
        hint = sinch_callback.fax_id(headers, body)
        assert hint is not None
        assert (await sinch.get(hint)).state is FaxState.FAILED


async def test_pages_are_deleted_at_the_gateway_and_once_is_enough(sinch, far_side):
    status = await sent(sinch, fax_to("0000"))

    await sinch.forget(status.gateway_id)
    await sinch.forget(status.gateway_id)

    assert not far_side.faxes[0].has_file


async def test_an_outage_is_nobodys_failure_but_the_gateways(sinch, far_side):
    far_side.exchange.begin_outage()

    assert await sinch.submit(fax_to("0000")) == Refused(FailureClass.PROVIDER, code="503")
    for question in (
        sinch.get("x"),
        sinch.find(new_id(), to="+15550100000", since=LONG_AGO),
        sinch.forget("x"),
    ):
        with pytest.raises(GatewayUnavailable):
            await question


async def test_a_fax_that_sinch_does_not_know_cannot_be_read(sinch):
    with pytest.raises(GatewayUnavailable):
        await sinch.get("01UNKNOWN")


async def test_what_never_left_is_refused_and_may_be_sent_again(http):
    nobody_listens = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = nobody_listens.sockets[0].getsockname()[1]
    nobody_listens.close()
    await nobody_listens.wait_closed()
    sinch = SinchGateway(http, SinchAccount("p", "k", "s"), base_url=f"http://127.0.0.1:{port}")

    answer = await sinch.submit(fax_to("0000"))

    assert answer == Refused(FailureClass.PROVIDER, code="ConnectError")
    with pytest.raises(GatewayUnavailable):
        await sinch.get("x")


async def test_what_left_and_was_not_answered_in_time_is_unknown():
    hung_up = asyncio.Event()

    async def say_nothing(reader, writer):
        await reader.read()
        writer.close()
        await writer.wait_closed()
        hung_up.set()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    async with silent:
        async with httpx2.AsyncClient(timeout=0.2, trust_env=False) as http:
            base_url = f"http://127.0.0.1:{port}"
            sinch = SinchGateway(http, SinchAccount("p", "k", "s"), base_url=base_url)

            assert await sinch.submit(fax_to("0000")) == Unknown("ReadTimeout")
        await asyncio.wait_for(hung_up.wait(), 5)


def answering(*answers):
    """A gateway whose far side gives these answers, in this order; and what it was asked."""
    asked: list[httpx2.Request] = []
    left = list(answers)

    def answer(request):
        asked.append(request)
        return left.pop(0)

    http = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    return SinchGateway(http, SinchAccount("p", "k", "s")), asked


def violation(field):
    details = {"fieldViolations": [{"field": field, "description": "no"}]}
    return httpx2.Response(422, json={"code": "422", "details": details})


@pytest.mark.parametrize(
    ("answer", "means"),
    [
        (httpx2.Response(200, json={"id": "01F"}), Submitted("01F")),
        (httpx2.Response(200, json={}), Unknown("no_id")),
        (httpx2.Response(200, text="<html>"), Unknown("no_id")),
        (httpx2.Response(200, json=["01F"]), Unknown("no_id")),
        (httpx2.Response(500), Unknown("500")),
        (httpx2.Response(502), Unknown("502")),
        (httpx2.Response(504), Unknown("504")),
        (httpx2.Response(503), Refused(FailureClass.PROVIDER, code="503")),
        (httpx2.Response(403), Refused(FailureClass.ACCOUNT, code="403")),
        (httpx2.Response(404), Refused(FailureClass.ACCOUNT, code="404")),
        (httpx2.Response(413), Refused(FailureClass.DOCUMENT, code="413")),
        (httpx2.Response(400, text="?"), Refused(FailureClass.OTHER, code="400")),
        (httpx2.Response(422, json={"details": []}), Refused(FailureClass.OTHER, code="422")),
        (violation("to"), Refused(FailureClass.BAD_NUMBER, code="422")),
        (violation("files"), Refused(FailureClass.DOCUMENT, code="422")),
        (violation("from"), Refused(FailureClass.ACCOUNT, code="422")),
        (violation("headerText"), Refused(FailureClass.OTHER, code="422")),
        (
            httpx2.Response(429, headers={"Retry-After": "Tue, 24 Nov 2026 20:15:00 GMT"}),
            Refused(FailureClass.PROVIDER, code="429"),
        ),
    ],
)
async def test_every_answer_to_a_send_has_a_meaning(answer, means):
    sinch, asked = answering(answer)

    assert await sinch.submit(fax_to("0000")) == means
    assert len(asked) == 1


async def test_a_fax_on_a_later_page_of_the_list_is_found():
    ours = new_id()
    pages = [
        {"faxes": [{"id": "01A", "status": "QUEUED", "labels": None}], "totalPages": 2},
        {
            "faxes": [{"id": "01B", "status": "QUEUED", "labels": {"our_id": str(ours)}}],
            "totalPages": 2,
        },
    ]
    sinch, asked = answering(*(httpx2.Response(200, json=page) for page in pages))

    found = await sinch.find(ours, to="+15550100000", since=datetime(2026, 11, 24, tzinfo=UTC))

    assert found == FaxStatus("01B", FaxState.QUEUED)
    assert [request.url.params["page"] for request in asked] == ["1", "2"]
    assert asked[0].url.params["to"] == "+15550100000"
    assert asked[0].url.params["createTime>"].startswith("2026-11-23T23:55")


@pytest.mark.parametrize("content", [{}, {"id": "01A"}, {"id": "01A", "status": "NEW_WORD"}])
async def test_a_read_that_makes_no_sense_says_nothing(content):
    sinch, _ = answering(httpx2.Response(200, json=content))

    with pytest.raises(GatewayUnavailable):
        await sinch.get("01A")


async def test_the_fax_goes_up_directly_and_never_by_a_url():
    sinch, asked = answering(httpx2.Response(200, json={"id": "01F"}))
    fax = fax_to("0000")

    await sinch.submit(fax)

    order = json.loads(asked[0].content)
    assert asked[0].url == "https://fax.api.sinch.com/v3/projects/p/faxes"
    assert asked[0].headers["Authorization"].startswith("Basic ")
    assert [b64decode(file["file"]) for file in order["files"]] == [fax.pages_pdf]
    assert not {"contentUrl", "callbackUrl", "from", "serviceId"} & set(order)


def test_a_webhook_in_json_names_its_fax_too():
    body = json.dumps({"event": "FAX_COMPLETED", "fax": {"id": "01F", "status": "COMPLETED"}})

    assert sinch_callback.fax_id({"Content-Type": "application/json"}, body.encode()) == ("01F")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b""),
        ("application/json", b"[]"),
        ("application/json", b'{"fax": "01F"}'),
        ("application/json", b'{"fax": {"id": "../../secrets"}}'),
        ("application/json", b'{"fax": {"id": 7}}'),
        ("application/json", b"\xff\xfe"),
        pytest.param("application/json", b"[" * 200_000, id="deep"),
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n--x--"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="fax"\r\n\r\nnot JSON\r\n--x--\r\n',
        ),
        ("text/plain", b"hello"),
    ],
)
def test_a_webhook_that_says_nothing_usable_is_no_hint(content_type, body):
    assert sinch_callback.fax_id({"content-type": content_type}, body) is None


@pytest.mark.parametrize(
    ("pages_ok", "state", "failure"),
    [
        (2, FaxState.DELIVERED, None),
        (None, FaxState.DELIVERED, None),
        (1, FaxState.FAILED, FailureClass.PARTIAL),
        (0, FaxState.FAILED, FailureClass.PARTIAL),
    ],
)
async def test_completed_is_delivered_only_with_every_page(pages_ok, state, failure):
    """INVARIANT: a promise is kept by all pages; a gateway that lost one has not delivered."""
    counted = {} if pages_ok is None else {"pagesSentSuccessfully": pages_ok}
    fax = {"id": "01F", "status": "COMPLETED", "numberOfPages": 2, **counted}
    sinch, _ = answering(httpx2.Response(200, json=fax))

    status = await sinch.get("01F")

    assert (status.state, status.failure) == (state, failure)


async def test_no_number_header_or_key_is_ever_logged(sinch, far_side):
    with capture_logs() as logs:
        for suffix in ("0000", "0408", "0500"):
            fax = fax_to(suffix, header="ZZTEST-HEADER")
            await sinch.submit(fax)
            await sinch.find(fax.our_id, to=fax.to, since=LONG_AGO)

    said = str(logs)
    assert {entry["event"] for entry in logs} == {"fax_submitted", "fax_submit_unanswered"}
    assert "555010" not in said
    assert "ZZTEST" not in said
    assert far_side.account.key_secret not in said
