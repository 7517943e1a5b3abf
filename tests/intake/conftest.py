"""Intake as its callers see it: over HTTP, and by the events that it leaves in its outbox."""

from collections.abc import AsyncGenerator

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import select
from tests.conftest import RuntimeOf
from tests.intake.builders import CODES, clinic_json, submission_json

from common.events.envelope import Envelope
from common.service import Runtime
from common.tables import outbox
from intake.api import create
from intake.handlers.desk import Desk
from intake.store.tables import metadata


@pytest.fixture
async def runtime(runtime_of: RuntimeOf) -> Runtime:
    return await runtime_of(metadata)


@pytest.fixture
def desk(runtime) -> Desk:
    return Desk(runtime.sealer, CODES)


@pytest.fixture
def api(runtime, desk) -> FastAPI:
    return create.api(runtime, desk)


@pytest.fixture
async def http(api) -> AsyncGenerator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(api)
    async with httpx2.AsyncClient(transport=transport, base_url="http://intake") as client:
        yield client


@pytest.fixture
async def lakeside(http):
    """A registered clinic; its own event is out of the way."""
    answer = await http.put("/v1/clinics/lakeside", json=clinic_json())
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.fixture
async def submitted(http, lakeside):
    """A referral as it was answered when it was posted."""
    answer = await http.post("/v1/referrals", json=submission_json())
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.fixture
def events(runtime):
    """Return every event that waits in the outbox, in order."""

    async def read() -> list[Envelope]:
        async with runtime.db.read() as tx:
            rows = (await tx.execute(select(outbox).order_by(outbox.c.id))).all()
        return [Envelope.model_validate_json(row.value) for row in rows]

    return read


@pytest.fixture
def told(events):
    """Return the types of the referral events, in order."""

    async def read() -> list[str]:
        return [e.type for e in await events() if e.type != "clinic.changed.v1"]

    return read
