"""What tests of notifications may ask for: the service without its loops."""

import pytest

from tests.conftest import RuntimeOf, SettableClock
from notifications.store.tables import metadata
from tests.notifications.builders import Desk


@pytest.fixture
async def desk(runtime_of: RuntimeOf, clock: SettableClock) -> Desk:
    return Desk(await runtime_of(metadata), clock)
