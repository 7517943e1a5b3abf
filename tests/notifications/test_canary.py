"""Canary patients go in by every event; nothing that is not sealed may show them."""

import json

import httpx2
import pytest
import structlog
from tests.notifications.builders import CARD, Desk, hl7_link

from common.events.notification import EmrDeliveryRequested
from common.tables import outbox
from notifications.domain.telling import TOLD
from notifications.ports import FailureClass
from notifications.store import tables

CANARIES = (
    "ZZTEST",
    "Zzcanary",
    "Zzcontact",
    "Zzstreet",
    "adalimumab",
    "1980-02-03",
    "Feb 3, 1980",
    "member id",
)


@pytest.fixture
async def told(desk: Desk):
    await desk.know(channels=("fax", "emr"), hl7_links=(hl7_link(),))
    desk.gateway.results = [FailureClass.BUSY, FailureClass.DOCUMENT, FailureClass.BAD_NUMBER]
    with structlog.testing.capture_logs() as logs:
        for version, kind in enumerate(TOLD, start=1):
            await desk.happen(kind, version=version)
        for _ in range(30):
            desk.clock.now = max(row["next_attempt_at"] for row in await desk.deliveries())
            await desk.send_faxes()
            await desk.watch_faxes()
            await desk.hand_to_emr()
            await desk.look_at_clock()
        yield logs


def clean(text: str) -> bool:
    return not any(canary in text for canary in CANARIES)


async def test_no_log_line_names_a_person(told) -> None:
    assert len(told) > len(TOLD)
    assert clean(json.dumps(told, default=str))


async def test_no_event_names_a_person_in_the_clear(desk: Desk, told) -> None:
    records = [json.loads(row["value"]) for row in await desk.rows(outbox)]
    assert any(record["data"].get("sealed") for record in records)
    assert clean(json.dumps(records))
    requests = await desk.published(EmrDeliveryRequested)
    assert requests
    assert all(request.sealed for request in requests)


async def test_no_row_names_a_person_in_the_clear(desk: Desk, told) -> None:
    for table in tables.metadata.sorted_tables:
        assert clean(str(await desk.rows(table))), table.name


async def test_no_list_of_the_api_names_a_person(desk: Desk, told, api: httpx2.AsyncClient) -> None:
    for path in ("deliveries", "promises", "tasks"):
        assert clean((await api.get(f"/v1/{path}?limit=200")).text), path
    assert clean((await api.get("/metrics")).text)


async def test_the_header_that_the_gateway_prints_names_no_one(desk: Desk, told) -> None:
    assert desk.gateway.sent
    assert all(clean(fax.header) for fax in desk.gateway.sent)
    assert CARD.patient.family_name.startswith("ZZTEST")
