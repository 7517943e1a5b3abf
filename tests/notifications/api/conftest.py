"""The API on a transport without sockets."""

from collections.abc import AsyncGenerator

import httpx2
import pytest
from tests.notifications.builders import Desk

from notifications.api import create
from notifications.api.given import Given
from notifications.channels.fax import sinch_callback
from notifications.channels.letterhead import Letterhead

CALLBACK_SECRET = "a-secret-for-callbacks"


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
