"""A runtime on the tables of emr-bridge; an EMR, and who sends to it."""

import socket

import pytest
from tests.emr_bridge.sending import emr_server, sending

from emr_bridge.store.tables import metadata


@pytest.fixture
async def runtime(runtime_of):
    return await runtime_of(metadata)


@pytest.fixture
def unused_port():
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return chosen.getsockname()[1]


@pytest.fixture
async def emr():
    async with emr_server() as server:
        yield server


@pytest.fixture
async def sender(runtime):
    async with sending(runtime) as made:
        yield made


@pytest.fixture
async def hasty(runtime):
    """A sender that waits for an answer no longer than a moment."""
    async with sending(runtime, answer_seconds=0.3) as made:
        yield made
