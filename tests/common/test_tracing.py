import ast
import asyncio
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx2
import pytest
import structlog
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from common import logs, tracing
from common.problems import install
from common.tracing import Kind
from common.tracing_http import Traced

ROOT = Path(__file__).resolve().parents[2]
GIVEN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_what_is_begun_inside_belongs_to_the_same_trace():
    with tracing.span("outer") as outer:
        assert tracing.current() == outer.traceparent
        with tracing.span("inner"):
            assert tracing.trace_id() == tracing.trace_id_of(outer.traceparent)
        assert tracing.current() == outer.traceparent
    assert tracing.current() is None
    assert tracing.carried() == {}


def test_the_context_travels_where_nothing_is_recorded():
    """INVARIANT: a replica without an exporter passes the trace on, sampled. Else two halves are left."""
    with tracing.span("handle", parent=GIVEN):
        assert tracing.carried() == {"traceparent": GIVEN}
    with tracing.span("receive", parent=None):
        begun = tracing.current()
    assert tracing.valid(begun) == begun
    assert begun is not None
    assert begun.endswith("-01")


def test_two_messages_are_two_traces():
    with tracing.span("receive", parent=None), tracing.span("one", parent=None) as one:
        first = one.traceparent
    with tracing.span("receive", parent=None) as two:
        assert tracing.trace_id_of(first) != tracing.trace_id_of(two.traceparent)


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "ZZTEST",
        GIVEN.upper(),
        GIVEN + "-more",
        GIVEN.replace("00-", "ff-", 1),
        GIVEN.replace("b7ad6b7169203331", "0" * 16),
        GIVEN.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32),
        GIVEN + "\n",
        " " + GIVEN,
        GIVEN.replace("a", "\u0661"),
    ],
)
def test_what_is_no_traceparent_begins_a_new_trace(sent):
    assert tracing.valid(sent) is None
    with tracing.span("asked", parent=sent) as span:
        assert "0af7651916cd43dd8448eb211c80319c" not in span.traceparent


def test_a_later_version_is_read_as_far_as_we_know_it():
    assert tracing.valid("cc" + GIVEN[2:] + "-whatever") == GIVEN
    assert tracing.valid(GIVEN[:-2] + "ff") == GIVEN[:-2] + "03"


@given(
    st.text(max_size=60) | st.from_regex(r"\A[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z")
)
def test_whatever_is_sent_is_told_as_a_traceparent_or_not_at_all(sent):
    found = tracing.valid(sent)
    assert found is None or (len(found) == 55 and tracing.valid(found) == found)


def test_a_span_carries_listed_keys_only(recorded):
    """INVARIANT: nobody's data in a span. Broken by a deny-list, or by str() of an object."""
    patient = {"family_name": "ZZTESTLAST"}
    told = UUID(int=7)
    with tracing.span("submit", referral_id=told, family_name="ZZTESTLAST", state=patient) as span:  # type: ignore[arg-type]
        span.note(note_text="ZZTESTLAST", seconds=1.5, late=False, code=None)
    (kept,) = recorded
    assert "ZZTEST" not in str(kept)
    assert kept.attributes == {
        "referral_loop.referral_id": str(told),
        "referral_loop.family_name": "(withheld)",
        "referral_loop.state": "(withheld)",
        "referral_loop.note_text": "(withheld)",
        "referral_loop.seconds": 1.5,
        "referral_loop.late": False,
    }


def test_a_value_is_cut_where_no_code_is_so_long(recorded):
    with tracing.span("handle", code="x" * 1000):
        pass
    assert len(str(recorded[0].attributes["referral_loop.code"])) == 200


def test_an_error_leaves_its_class_and_not_its_text(recorded):
    with pytest.raises(ValueError, match="ZZTESTLAST"), tracing.span("handle"):
        raise ValueError("ZZTESTLAST")
    assert (recorded[0].failure, recorded[0].ended) == ("ValueError", True)
    assert tracing.current() is None


def test_a_link_points_to_another_trace_and_is_left_out_where_there_is_none(recorded):
    with tracing.span("callback"):
        tracing.link(OTHER)
        tracing.link(None)
        tracing.link("ZZTEST")
    tracing.link(OTHER)
    assert recorded[0].links == [OTHER]


async def test_tasks_side_by_side_keep_their_traces_apart(recorded):
    async def one(number: int) -> str | None:
        with tracing.span("deliver", parent=None):
            await asyncio.sleep(0)
            with tracing.span("send"):
                await asyncio.sleep(0)
                return tracing.trace_id()

    traces = await asyncio.gather(*(one(number) for number in range(5)))
    assert len(set(traces)) == 5
    assert all(span.parent for span in recorded if span.name == "send")


async def test_a_task_is_of_the_service_that_it_serves(recorded):
    async def worker(service: str) -> None:
        tracing.serve(service)
        with tracing.span("work"):
            await asyncio.sleep(0)

    await asyncio.gather(
        asyncio.create_task(worker("intake")), asyncio.create_task(worker("emr-bridge"))
    )
    assert sorted(span.service for span in recorded) == ["emr-bridge", "intake"]


def test_a_log_line_names_the_trace_that_it_belongs_to():
    out = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        logs.configure(level="info", form="json", stream=out)
        with tracing.span("handle", parent=GIVEN):
            structlog.get_logger().info("message_stored")
        structlog.get_logger().info("started")
    finally:
        structlog.reset_defaults()
        root.handlers[:] = handlers
        root.setLevel(level)
    inside, outside = (json.loads(line) for line in out.getvalue().splitlines())
    assert inside["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert "trace_id" not in outside


@pytest.fixture
async def client():
    api = FastAPI()
    install(api)

    @api.get("/v1/referrals/{referral_id}")
    async def read(referral_id: str) -> dict[str, str | None]:
        if referral_id == "broken":
            raise RuntimeError("ZZTESTLAST")
        return {"trace": tracing.current()}

    @api.get("/livez")
    async def livez() -> dict[str, str | None]:
        return {"trace": tracing.current()}

    api.add_middleware(Traced, service="intake")
    transport = httpx2.ASGITransport(app=api, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://here") as http:
        yield http


async def test_a_request_goes_on_in_its_callers_trace_under_the_name_of_its_route(client, recorded):
    await client.get("/v1/referrals/ZZTESTLAST?q=ZZTESTLAST", headers={"traceparent": GIVEN})
    (span,) = recorded
    assert (span.service, span.name, span.kind) == (
        "intake",
        "GET /v1/referrals/{referral_id}",
        Kind.SERVER,
    )
    assert (span.parent, span.remote) == (GIVEN, True)
    assert span.attributes == {
        "http.request.method": "GET",
        "http.route": "/v1/referrals/{referral_id}",
        "http.response.status_code": 200,
    }
    assert "ZZTEST" not in str(recorded)


async def test_two_traceparents_are_none(client, recorded):
    await client.get("/v1/referrals/1", headers=[("traceparent", GIVEN), ("traceparent", OTHER)])
    assert recorded[0].parent is None


async def test_what_nobody_knows_of_is_named_by_nothing_that_was_sent(client, recorded):
    await client.request("ZZTEST", "/ZZTESTPATH")
    await client.get("/ZZTESTPATH")
    await client.request("ZZTEST", "/v1/referrals/1")
    names = [span.name for span in recorded]
    assert names == ["HTTP", "GET", "HTTP /v1/referrals/{referral_id}"]
    assert "ZZTEST" not in str(recorded)


async def test_the_question_whether_it_lives_has_no_span(client, recorded):
    assert (await client.get("/livez")).json() == {"trace": None}
    assert recorded == []


async def test_a_refusal_names_the_trace_by_which_it_is_found(client, recorded):
    broken = (await client.get("/v1/referrals/broken", headers={"traceparent": GIVEN})).json()
    unknown = (await client.get("/none", headers={"traceparent": OTHER})).json()
    assert broken["trace_id"] == GIVEN[3:35]
    assert unknown["trace_id"] == OTHER[3:35]
    assert recorded[0].failure == "RuntimeError"


def span_names() -> Iterator[tuple[Path, ast.expr]]:
    for path in ROOT.glob("services/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "tracing.span":
                yield path, node.args[0]


def test_a_services_span_names_are_literals():
    """INVARIANT: a span's name is never made of what was sent."""
    named = list(span_names())
    assert named
    assert [(p, ast.unparse(n)) for p, n in named if not isinstance(n, ast.Constant)] == []


def test_who_works_for_many_goes_on_in_the_trace_of_the_row_and_not_in_a_strangers():
    with tracing.span("send", parent=GIVEN) as sending:
        assert tracing.nearest(GIVEN) == sending.traceparent
        assert tracing.nearest(OTHER) == OTHER
        assert tracing.nearest(None) == sending.traceparent
    assert tracing.nearest(GIVEN) == GIVEN


async def test_a_task_that_left_belongs_to_no_trace():
    with tracing.span("asked"):

        async def flush() -> str | None:
            tracing.leave()
            return tracing.current()

        assert await asyncio.create_task(flush()) is None
        assert tracing.current() is not None


def test_a_span_that_has_begun_is_not_open_here(recorded):
    span = tracing.begun("receive message", kind=Kind.SERVER, parent=None)
    assert tracing.current() is None
    assert not recorded[0].ended
    span.end()
    assert recorded[0].ended
