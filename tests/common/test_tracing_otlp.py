import asyncio
import socket
from collections.abc import Iterator

import pytest
from tests.servers.collector import Collector, collecting

from common import tracing
from common.errors import Misconfigured
from common.settings import TracingSettings
from common.tracing import Kind
from common.tracing_otlp import exporting, is_wanted

GIVEN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = GIVEN[:-2] + "00"


@pytest.fixture(autouse=True)
def environment(monkeypatch) -> None:
    """Nothing but what the test says."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")


@pytest.fixture
def collector(monkeypatch) -> Iterator[Collector]:
    with collecting() as one:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", one.url)
        yield one


async def test_a_span_reaches_the_collector_with_all_that_was_said_of_it(collector):
    async with exporting():
        tracing.serve("intake")
        with tracing.span("handle", kind=Kind.CONSUMER, parent=GIVEN, clinic_id="north") as outer:
            outer.link("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
            with pytest.raises(ValueError, match="ZZTEST"), tracing.span("inner"):
                raise ValueError("ZZTESTLAST")
            outer.rename("handle it")
    inner, handled = collector.spans
    assert (handled.service, handled.name, handled.kind) == ("intake", "handle it", 5)
    assert handled.trace_id == inner.trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert handled.parent_id == "b7ad6b7169203331"
    assert handled.attributes == {"referral_loop.clinic_id": "north"}
    assert handled.links == ["4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"]
    assert (inner.parent_id, inner.failure) == (handled.span_id, "ValueError")
    assert handled.began <= inner.began <= inner.ended <= handled.ended
    assert b"ZZTEST" not in b"".join(collector.bodies)


async def test_what_travels_names_the_span_that_was_open(collector):
    async with exporting():
        with tracing.span("submit") as span:
            carried = tracing.carried()["traceparent"]
        with tracing.span("handle", parent=carried):
            pass
    submitted, handled = collector.spans
    assert carried == span.traceparent
    assert (handled.trace_id, handled.parent_id) == (submitted.trace_id, submitted.span_id)


async def test_services_under_one_roof_are_told_apart(collector):
    async with exporting():
        for service in ("intake", "notifications"):
            tracing.serve(service)
            with tracing.span("work"):
                pass
    assert sorted(span.service for span in collector.spans) == ["intake", "notifications"]


async def test_the_name_that_the_environment_gives_goes_before_the_services_own(
    collector, monkeypatch
):
    monkeypatch.setenv("OTEL_SERVICE_NAME", "pharmacy")
    async with exporting():
        tracing.serve("intake")
        with tracing.span("work"):
            pass
    assert [span.service for span in collector.spans] == ["pharmacy"]


async def test_a_caller_who_does_not_sample_is_followed_and_its_context_still_travels(collector):
    async with exporting():
        with tracing.span("asked", parent=UNSAMPLED) as span:
            assert tracing.trace_id_of(span.traceparent) == GIVEN[3:35]
            assert span.traceparent.endswith("-00")
    assert collector.spans == []


async def test_the_standards_sampler_decides(collector, monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_on")
    async with exporting():
        with tracing.span("asked", parent=UNSAMPLED):
            pass
    assert len(collector.spans) == 1
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")
    async with exporting():
        with tracing.span("begun", parent=None):
            pass
    assert len(collector.spans) == 1


async def test_headers_of_the_environment_go_to_the_collector(collector, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc")
    async with exporting():
        with tracing.span("work"):
            pass
    assert collector.headers[0]["authorization"] == "Bearer abc"


async def test_without_a_collector_nothing_is_recorded():
    async with exporting(TracingSettings(otel_exporter_otlp_endpoint=None)):
        with tracing.span("work", parent=GIVEN) as span:
            assert span.traceparent == GIVEN


@pytest.mark.parametrize("switch", [{"otel_sdk_disabled": True}, {"otel_traces_exporter": "none"}])
def test_it_can_be_switched_off(switch):
    assert not is_wanted(TracingSettings(otel_exporter_otlp_endpoint="http://c:4318", **switch))


@pytest.mark.parametrize(
    "wish",
    [
        {"otel_traces_exporter": "zipkin"},
        {"otel_exporter_otlp_protocol": "grpc"},
        {"otel_exporter_otlp_traces_protocol": "http/json"},
    ],
)
def test_what_is_not_here_is_said_at_the_start(wish):
    with pytest.raises(Misconfigured, match="OTEL_"):
        is_wanted(TracingSettings(otel_exporter_otlp_endpoint="http://c:4318", **wish))


async def test_a_collector_that_never_answers_holds_up_nobody(monkeypatch):
    """INVARIANT: spans never wait for the collector, and the end waits a bounded time only.

    Broken by an export on the caller's thread, or by a flush that waits for it.
    """
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        monkeypatch.setenv(
            "OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{deaf.getsockname()[1]}"
        )
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "60")
        async with asyncio.timeout(30), exporting(flush_seconds=0.3):
            for _ in range(5000):
                with tracing.span("work", parent=None):
                    pass
    assert tracing.current() is None


@pytest.mark.parametrize("status", [400, 500])
async def test_a_collector_that_refuses_changes_nothing(collector, status):
    collector.answer = status
    async with exporting(flush_seconds=0.3):
        with tracing.span("work") as span:
            assert tracing.valid(span.traceparent)
