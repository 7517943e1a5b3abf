"""What tests of notifications may ask for: the service without its loops."""

import pytest
from tests.conftest import RuntimeOf, SettableClock
from tests.notifications.builders import Desk

from notifications.store.tables import metadata


@pytest.fixture
async def desk(runtime_of: RuntimeOf, clock: SettableClock) -> Desk:
    return Desk(await runtime_of(metadata), clock)
