import asyncio

import pytest
from fastapi import APIRouter, Request, Response, UploadFile
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel
from sqlalchemy import insert, select
from tests.common.sample import count, effects, noted

from common import tables
from common.dependencies import Read, Tx
from common.errors import NotFound
from common.idempotency import IdempotentRoute


class Note(BaseModel):
    what: str


@pytest.fixture
def app(api):  # noqa: C901 - one small endpoint for each kind of answer
    router = APIRouter(route_class=IdempotentRoute)

    async def write(tx, what):
        result = await tx.execute(insert(effects).values(what=what).returning(effects.c.n))
        return result.scalar_one()

    @router.post("/notes", status_code=201)
    async def post(body: Note, tx: Tx, response: Response) -> dict[str, int | str]:
        number = await write(tx, body.what)
        if body.what == "refused":
            raise NotFound("no")
        response.headers["location"] = f"/notes/{number}"
        response.headers["etag"] = f'"{number}"'
        return {"n": number, "what": body.what}

    @router.post("/ok")
    async def ok(body: Note, tx: Tx) -> dict[str, int]:
        return {"n": await write(tx, body.what)}

    @router.post("/silent", status_code=204)
    async def silent(body: Note, tx: Tx) -> None:
        await write(tx, body.what)

    @router.post("/stream")
    async def stream(tx: Tx) -> StreamingResponse:
        number = await write(tx, "stream")
        return StreamingResponse(iter(["n", str(number)]), media_type="text/plain")

    @router.post("/files")
    async def files(file: UploadFile, tx: Tx) -> dict[str, int]:
        return {"n": await write(tx, (await file.read()).decode())}

    @router.post("/raw")
    async def raw(request: Request, tx: Tx) -> dict[str, int]:
        parts = [part async for part in request.stream()]
        return {"n": await write(tx, b"".join(parts).decode())}

    @router.post("/returned")
    async def returned(tx: Tx) -> JSONResponse:
        return JSONResponse({"n": await write(tx, "x")}, status_code=400)

    @router.post("/reads")
    async def reads(tx: Tx, also: Read) -> list[str]:
        await write(tx, "mine")
        return list((await also.execute(select(effects.c.what))).scalars())

    @router.post("/slow")
    async def slow(tx: Tx) -> dict[str, int]:
        await asyncio.sleep(0.2)
        return {"n": await write(tx, "slow")}

    api.include_router(router)
    return api


@pytest.fixture
async def http(app, client):
    async with client(app) as caller:
        yield caller


def key(value="k1"):
    return {"Idempotency-Key": value}


@pytest.mark.parametrize(("path", "status"), [("/ok", 200), ("/notes", 201), ("/silent", 204)])
async def test_the_same_key_and_body_get_the_same_bytes_and_one_effect(http, runtime, path, status):
    """INVARIANT: a repeat has no second effect. Broken by keeping the answer in another transaction."""
    first = await http.post(path, json={"what": "x"}, headers=key())
    again = await http.post(path, json={"what": "x"}, headers=key())
    assert first.status_code == again.status_code == status
    assert first.content == again.content
    for name in ("location", "etag", "content-type"):
        assert first.headers.get(name) == again.headers.get(name)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert await noted(runtime.db) == ["x"]


async def test_the_same_key_with_another_body_is_refused(http, runtime):
    await http.post("/notes", json={"what": "x"}, headers=key())
    answer = await http.post("/notes", json={"what": "y"}, headers=key())
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert await noted(runtime.db) == ["x"]


async def test_the_same_key_at_another_path_is_another_request(http, runtime):
    await http.post("/notes", json={"what": "x"}, headers=key())
    await http.post("/ok", json={"what": "x"}, headers=key())
    assert await noted(runtime.db) == ["x", "x"]


async def test_without_a_key_every_request_has_its_effect(http, runtime):
    for _ in range(2):
        await http.post("/notes", json={"what": "x"})
    assert await noted(runtime.db) == ["x", "x"]
    assert await count(runtime.db, tables.idempotency_keys) == 0


@pytest.mark.parametrize("value", ["", "k" * 256])
async def test_a_key_that_is_empty_or_too_long_is_refused(http, value):
    assert (await http.post("/notes", json={"what": "x"}, headers=key(value))).status_code == 422


async def test_a_request_that_is_still_running_is_told_so(http, runtime):
    first = asyncio.create_task(http.post("/slow", headers=key()))
    await asyncio.sleep(0.05)
    second = await http.post("/slow", headers=key())
    assert (second.status_code, second.json()["code"]) == (409, "still_running")
    assert (await first).status_code == 200
    assert (await http.post("/slow", headers=key())).json() == (await first).json()


async def test_twenty_at_once_have_one_effect(http, runtime):
    answers = await asyncio.gather(
        *(http.post("/notes", json={"what": "x"}, headers=key()) for _ in range(20))
    )
    assert {a.status_code for a in answers} <= {201, 409}
    assert len({a.content for a in answers if a.status_code == 201}) == 1
    assert await noted(runtime.db) == ["x"]


async def test_two_processes_at_once_have_one_effect(app, runtime, client):
    """The memory of what runs is per process; the key in the database decides."""
    async with client(app) as http:

        async def post():
            app.state.running = set()
            return await http.post("/notes", json={"what": "x"}, headers=key())

        answers = await asyncio.gather(*(post() for _ in range(5)))
    assert {a.status_code for a in answers} <= {201, 409}
    assert await noted(runtime.db) == ["x"]


@pytest.mark.parametrize("body", [{"what": "refused"}, {"wrong": 1}])
async def test_a_refusal_is_not_kept_and_the_key_may_be_used_again(http, runtime, body):
    assert (await http.post("/notes", json=body, headers=key())).status_code in {404, 422}
    assert (await http.post("/notes", json={"what": "x"}, headers=key())).status_code == 201
    assert await noted(runtime.db) == ["x"]


async def test_a_refusal_that_is_returned_is_not_kept_either(http, runtime):
    await http.post("/returned", headers=key())
    assert await count(runtime.db, tables.idempotency_keys) == 0


async def test_a_streamed_answer_is_repeated_whole(http):
    first = await http.post("/stream", headers=key())
    assert first.text == "n1"
    assert (await http.post("/stream", headers=key())).text == "n1"


async def test_an_upload_is_recognised_though_its_boundary_is_drawn_anew(http, runtime):
    first = await http.post("/files", files={"file": ("a.txt", b"x")}, headers=key())
    assert first.status_code == 200
    again = await http.post("/files", files={"file": ("a.txt", b"x")}, headers=key())
    assert again.headers["idempotent-replayed"] == "true"
    other = await http.post("/files", files={"file": ("a.txt", b"y")}, headers=key())
    assert other.status_code == 422
    assert await noted(runtime.db) == ["x"]


async def test_a_body_that_the_endpoint_reads_itself_is_still_there(http, runtime):
    assert (await http.post("/raw", content=b"abc", headers=key())).status_code == 200
    assert await noted(runtime.db) == ["abc"]


async def test_a_reader_in_the_same_request_sees_what_the_request_wrote(http):
    assert (await http.post("/reads", headers=key())).json() == ["mine"]


async def test_a_kept_answer_cannot_be_read_in_the_database(http, runtime):
    await http.post("/notes", json={"what": "ZZTESTLAST"}, headers=key())
    async with runtime.db.read() as tx:
        row = (await tx.execute(select(tables.idempotency_keys))).one()
    assert b"ZZTESTLAST" not in row.body
    assert "ZZTESTLAST" not in str(row)
