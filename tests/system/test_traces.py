"""One trace from a clinic's message to the confirmed delivery, as a collector sees it.

Run in one process on files, and in three on PostgreSQL and Kafka.
"""

import contextlib
import socket
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pytest
from tests.servers.collector import Collector, Received, collecting
from tests.servers.kafka import KafkaServer
from tests.servers.postgresql import PostgresServer
from tests.system.referrals import referral
from tests.system.trio import Ground, Trio
from tests.system.whole import Whole, until
from tests.system.world import Outside, System, outside, settings_for

from simulators.emr import EmrClient
from simulators.emr.messages import Envelope, ref_i12
from simulators.emr.samples import numbered
from simulators.webhook_receiver.answers import Answer, ok

SECRET = "ZZTESTCALLBACKSECRET"
PARTNERS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PARTNERS_TRACE = PARTNERS[3:35]

FROM_MESSAGE_TO_MESSAGE = [
    ("emr-bridge", "receive message"),
    ("emr-bridge", "interpret message"),
    ("intake", "handle emr.referral_submitted.v1"),
    ("intake", "take in"),
    ("notifications", "handle referral.received.v1"),
    ("notifications", "hand over to emr-bridge"),
    ("emr-bridge", "handle notification.emr_delivery_requested.v1"),
    ("emr-bridge", "send message"),
    ("emr-bridge", "tell outcome"),
    ("notifications", "handle emr.message_delivered.v1"),
    ("notifications", "confirm delivery"),
]
FROM_REQUEST_TO_WEBHOOK = [
    ("intake", "POST /v1/referrals"),
    ("intake", "take in"),
    ("notifications", "handle referral.received.v1"),
    ("notifications", "post webhook"),
    ("notifications", "confirm delivery"),
]
FROM_REQUEST_TO_FAX = [
    *FROM_REQUEST_TO_WEBHOOK[:3],
    ("notifications", "ask about fax"),
    ("notifications", "confirm delivery"),
]


class Running(System, Protocol):
    """The system, which can be told to stop."""

    async def stop(self) -> Any: ...


@dataclass
class Traced(Outside):
    """What is outside, the system in it, and the collector that it tells."""

    system: Running
    collector: Collector

    def spans_of(self, trace: str) -> list[Received]:
        return [span for span in self.collector.spans if span.trace_id == trace]

    async def clinics_are_known(self) -> bool:
        """Return whether the services that read of clinics have done so: a message may come now."""
        books = self.system.books
        linked = books.count("emr-bridge", "SELECT count(*) FROM links")
        return bool(linked) and books.count("notifications", "SELECT count(*) FROM clinics") == 3

    async def confirmed(self, trace: str) -> list[Received]:
        """Wait until a delivery is confirmed in a trace, and told of everywhere; return the trace."""

        async def told() -> list[Received]:
            spans = self.spans_of(trace)
            names = {span.name for span in spans}
            wanted = {"confirm delivery", "handle notification.delivered.v1"}
            return spans if names >= wanted and self.system.books.is_quiet() else []

        await until(told, seconds=60)
        return self.spans_of(trace)


def exporting_to(url: str) -> dict[str, str]:
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        "NOTIFICATIONS_CALLBACK_SECRET": SECRET,
    }


@contextlib.asynccontextmanager
async def embedded(settings: dict[str, str], folder: Path) -> AsyncGenerator[Whole]:
    whole = Whole(folder, settings)
    called_back = {"NOTIFICATIONS_CALLBACK_BASE_URL": f"{whole.url}/notifications"}
    whole.environment = settings | called_back
    try:
        await whole.start()
        yield whole
    finally:
        await whole.end()


@pytest.fixture(scope="module")
def ground_of(request, tmp_path_factory):
    """Servers and migrated databases, made when the first test asks."""
    made: list[Ground] = []

    def make() -> Ground:
        if not made:
            postgresql: PostgresServer = request.getfixturevalue("postgresql")
            kafka: KafkaServer = request.getfixturevalue("kafka")
            made.append(Ground(postgresql, kafka, tmp_path_factory.mktemp("ground")))
        return made[0]

    yield make
    for one in made:
        one.close()


@contextlib.asynccontextmanager
async def production(
    settings: dict[str, str], folder: Path, ground: Ground
) -> AsyncGenerator[Trio]:
    trio = Trio(ground, folder, settings)
    await trio.prepare()
    [notifier] = trio.replicas["notifications"]
    called_back = {"NOTIFICATIONS_CALLBACK_BASE_URL": notifier.url}
    notifier.environment = dict(notifier.environment) | called_back
    try:
        await trio.start_all()
        yield trio
    finally:
        await trio.end()


@pytest.fixture(params=["embedded", "production"])
async def world(request, tmp_path: Path, ground_of: Callable[[], Ground]) -> AsyncGenerator[Traced]:
    with collecting() as collector:
        async with outside(tmp_path) as around:
            settings = settings_for(around.gateway) | exporting_to(collector.url)
            folder = tmp_path / "system"
            running: Any = (
                embedded(settings, folder)
                if request.param == "embedded"
                else production(settings, folder, ground_of())
            )
            async with running as system:
                traced = Traced(around.gateway, around.emr, around.hook, system, collector)
                await traced.register_all(system)
                await until(traced.clinics_are_known, seconds=60)
                yield traced


def path_to(span: Received, spans: list[Received]) -> list[Received]:
    """Return a span and what led to it, from the root on."""
    by_id = {one.span_id: one for one in spans}
    path = [span]
    while (parent := by_id.get(path[0].parent_id)) is not None:
        path.insert(0, parent)
    return path


def names(path: list[Received]) -> list[tuple[str, str]]:
    return [(span.service, span.name) for span in path]


def confirmation(spans: list[Received]) -> Received:
    [confirmed] = [span for span in spans if span.name == "confirm delivery"]
    return confirmed


async def test_one_trace_leads_from_the_clinics_message_to_the_answer_of_its_emr(world: Traced):
    async with EmrClient("127.0.0.1", world.system.mllp_port) as sender:
        for number in (3, 4):
            envelope = Envelope(control_id=f"TRACE{number}", sent_at=datetime.now(UTC))
            await sender.send(ref_i12(numbered(number), envelope))

    async def both() -> list[Received]:
        found = world.collector.named("receive message")
        return found if len(found) == 2 else []

    first, second = await until(both)
    assert first.trace_id != second.trace_id
    for door in (first, second):
        spans = await world.confirmed(door.trace_id)
        path = path_to(confirmation(spans), spans)
        assert names(path) == FROM_MESSAGE_TO_MESSAGE
        assert path[0].parent_id == ""
        assert path[0].attributes["referral_loop.acknowledgement"] == "AA"
        assert all(path_to(span, spans)[0] == door for span in spans), (
            "a span has no way to the door"
        )
        assert ("intake", "handle notification.delivered.v1") in names(spans)


async def test_one_trace_leads_from_a_partners_request_to_the_webhook_that_it_took(world: Traced):
    """The partner's own trace goes on; each attempt is a span in it, and tells it to the webhook."""
    world.hook.follow(Answer(status=503), then=ok())
    headers = {"traceparent": PARTNERS, "tracestate": "zz=ZZTESTSTATE", "baggage": "who=ZZTESTBAG"}
    body = referral("zz-hook", 2)
    answer = await world.system.call("POST", "/intake/v1/referrals", json=body, headers=headers)
    assert answer.status_code == 201

    spans = await world.confirmed(PARTNERS_TRACE)
    path = path_to(confirmation(spans), spans)
    assert names(path) == FROM_REQUEST_TO_WEBHOOK
    assert path[0].parent_id == PARTNERS[36:52]
    posts = sorted((s for s in spans if s.name == "post webhook"), key=lambda span: span.began)
    assert [post.attributes["referral_loop.attempt"] for post in posts] == [1, 2]
    assert [post.attributes["referral_loop.outcome"] for post in posts] == ["rejected", "accepted"]
    told = [event.headers["traceparent"] for event in world.hook.events]
    assert told == [f"00-{PARTNERS_TRACE}-{post.span_id}-01" for post in posts]
    assert "ZZTEST" not in str([event.headers for event in world.hook.events])


async def test_a_fax_gateways_callback_stands_in_the_trace_of_the_delivery(world: Traced):
    headers = {"traceparent": PARTNERS}
    body = referral("zz-fax", 1)
    await world.system.call("POST", "/intake/v1/referrals", json=body, headers=headers)

    spans = await world.confirmed(PARTNERS_TRACE)
    assert names(path_to(confirmation(spans), spans)) == FROM_REQUEST_TO_FAX
    submitted, asked = ([s for s in spans if s.name == n] for n in ("submit fax", "ask about fax"))
    assert len(submitted) == 1
    assert asked

    async def called() -> list[Received]:
        return world.collector.named("take callback")

    callback = (await until(called))[0]
    assert callback.trace_id == PARTNERS_TRACE
    request = next(
        one
        for one in world.collector.named("POST /receipts/{gateway}/{secret}")
        if one.place in callback.links
    )
    assert request.trace_id != PARTNERS_TRACE
    assert [link[:32] for link in request.links] == [PARTNERS_TRACE]


async def test_no_name_leaves_in_a_span_and_a_refusal_names_its_trace(world: Traced):
    """INVARIANT: people's data is in no span, and no secret either.

    A span named by a path, an attribute that holds what was sent, or an exception's text breaks it.
    """
    for clinic, number in (("zz-fax", 1), ("zz-hook", 2), ("zz-emr", 3)):
        await world.system.call("POST", "/intake/v1/referrals", json=referral(clinic, number))
    broken = referral("zz-fax", 4) | {"patient": {"family_name": "ZZTESTX", "birth_date": "ZZTEST"}}
    refused = await world.system.call("POST", "/intake/v1/referrals?note=ZZTEST", json=broken)
    assert refused.status_code == 422
    lost = await world.system.call("GET", "/intake/v1/ZZTEST?name=ZZTEST")
    assert lost.status_code == 404
    async with EmrClient("127.0.0.1", world.system.mllp_port) as sender:
        envelope = Envelope(control_id="ZZTESTID", sent_at=datetime.now(UTC))
        await sender.send(ref_i12(numbered(5), envelope))
        await sender.send(
            b"MSH|^~\\&|ZZEMR|ZZCLINIC|||x||REF^I12|ZZTESTID2|P|2.5.1\rPID|ZZTESTBROKEN"
        )

    async def told() -> bool:
        return len(world.collector.named("confirm delivery")) >= 4 and world.system.books.is_quiet()

    await until(told, seconds=60)
    await world.system.stop()
    spans = world.collector.spans
    assert b"ZZTEST" not in b"".join(world.collector.bodies)
    assert refused.json()["trace_id"] in {span.trace_id for span in spans}
    assert lost.json()["trace_id"] in {span.trace_id for span in spans}


async def test_a_collector_that_never_answers_costs_no_delivery_and_no_stop(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        async with outside(tmp_path) as around:
            settings = settings_for(around.gateway) | exporting_to(url)
            async with embedded(settings, tmp_path / "system") as whole:
                await around.register_all(whole)
                await whole.call("POST", "/intake/v1/referrals", json=referral("zz-hook", 2))

                async def told() -> bool:
                    return bool(around.hook.events) and whole.books.is_quiet()

                await until(told)
                assert await whole.stop() == 0
                assert "spans_lost" in whole.log.read_text()
