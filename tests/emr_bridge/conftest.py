"""A runtime on the tables of emr-bridge."""

import pytest

from emr_bridge.store.tables import metadata


@pytest.fixture
async def runtime(runtime_of):
    return await runtime_of(metadata)
