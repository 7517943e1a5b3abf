"""What tests of notifications may ask for: the service without its loops, and its API."""

from collections.abc import AsyncGenerator

import httpx2
import pytest
from tests.conftest import RuntimeOf, SettableClock
from tests.notifications.builders import CALLBACK_SECRET, Desk

from notifications.api import create
from notifications.api.given import Given
from notifications.channels.fax import sinch_callback
from notifications.channels.letterhead import Letterhead
from notifications.store.tables import metadata


@pytest.fixture
async def desk(runtime_of: RuntimeOf, clock: SettableClock) -> Desk:
    return Desk(await runtime_of(metadata), clock)


@pytest.fixture
async def api(desk: Desk) -> AsyncGenerator[httpx2.AsyncClient]:
    given = Given(
        means=desk.means,
        letterhead=Letterhead("Specialty Pharmacy", "+15550100000"),
        callbacks={"sinch": sinch_callback.fax_id},
        callback_secret=CALLBACK_SECRET,
    )
    transport = httpx2.ASGITransport(create.api(desk.runtime, given))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client
