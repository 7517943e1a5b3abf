import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Mount

from common.auth import BearerToken, check_exposure
from common.errors import Misconfigured
from common.loopback import is_loopback

TOKEN = SecretStr("correct-horse")


@pytest.fixture
def guarded(api: FastAPI) -> FastAPI:
    for path in ("/v1/referrals", "/docs-of-patients", "/livezzz", "/receipts/sinch/secret"):
        api.get(path)(lambda: "inside")
    api.add_middleware(BearerToken, token=TOKEN, service="sample")
    return api


async def status(client, app, path, **headers):
    async with client(app) as http:
        return (await http.get(path, headers=headers)).status_code


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_token_lets_in(guarded, client, scheme):
    assert (
        await status(client, guarded, "/v1/referrals", authorization=f"{scheme} correct-horse")
        == 200
    )


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Basic correct-horse",
        "correct-horse",
        "Bearer correct-horses",
    ],
)
async def test_without_the_token_nobody_comes_in(guarded, client, given):
    headers = {} if given is None else {"authorization": given}
    async with client(guarded) as http:
        answer = await http.get("/v1/referrals", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "unauthorized"


async def test_who_is_refused_is_told_the_trace_to_name(guarded, client, recorded):
    headers = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    async with client(guarded) as http:
        given = (await http.get("/v1/referrals", headers=headers)).json()
        ours = (await http.get("/v1/referrals")).json()
    assert given["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert len(ours["trace_id"]) == 32
    assert ours["trace_id"] != given["trace_id"]
    assert [(one.service, one.name, one.attributes) for one in recorded] == [
        ("sample", "GET", {"http.request.method": "GET", "http.response.status_code": 401})
    ] * 2


@pytest.mark.parametrize(
    "path",
    [
        "/livez",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/docs",
        "/static/swagger-ui.css",
        "/receipts/sinch/secret",
    ],
)
async def test_health_documentation_and_receipts_are_open(guarded, client, path):
    assert await status(client, guarded, path) == 200


@pytest.mark.parametrize(
    "path", ["/docs-of-patients", "/livezzz", "/v1/../v1/referrals", "/nothing"]
)
async def test_a_path_that_only_begins_like_an_open_one_is_closed(guarded, client, path):
    assert await status(client, guarded, path) == 401


async def test_below_a_prefix_the_same_paths_are_open(guarded, client):
    outer = Starlette(routes=[Mount("/sample", app=guarded)])
    assert await status(client, outer, "/sample/livez") == 200
    assert await status(client, outer, "/sample/v1/referrals") == 401


async def test_a_websocket_without_the_token_is_closed(guarded):
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "websocket.connect"}

    guard = BearerToken(guarded, token=TOKEN, service="sample")
    await guard({"type": "websocket", "path": "/v1/x", "headers": []}, receive, send)
    assert [m["type"] for m in sent] == ["websocket.close"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_on_loopback_no_token_is_needed(host):
    assert is_loopback(host)
    check_exposure(host, None)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org", ""])
def test_patient_data_is_never_open_to_the_network(host):
    """INVARIANT: no token, no network. Broken by a start that only warns."""
    with pytest.raises(Misconfigured, match="API_TOKEN"):
        check_exposure(host, None)
    check_exposure(host, TOKEN)
