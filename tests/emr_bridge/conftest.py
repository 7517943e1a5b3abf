"""A runtime on the tables of emr-bridge."""

import socket

import pytest

from emr_bridge.store.tables import metadata


@pytest.fixture
async def runtime(runtime_of):
    return await runtime_of(metadata)


@pytest.fixture
def unused_port():
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return chosen.getsockname()[1]
