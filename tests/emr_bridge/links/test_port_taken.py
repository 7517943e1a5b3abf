"""The MLLP port is another program's."""

import asyncio
import contextlib
import socket

import pytest

from common.http import readiness
from emr_bridge.app import build
from emr_bridge.settings import Settings
from emr_bridge.store.tables import metadata


async def test_a_service_whose_mllp_port_is_taken_is_not_ready(runtime_of):
    """INVARIANT: readiness says when EMRs would reach another program, not us."""
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        service = build(Settings(mllp_port=stranger.getsockname()[1]), await runtime_of(metadata))
        mllp = next(worker for worker in service.workers if worker.name == "mllp")
        with pytest.raises(OSError, match="in use"):
            await mllp.run()
        assert (await readiness(service.api))["checks"]["mllp"] == "NotListening"


async def test_a_service_that_listens_is_ready(runtime_of):
    service = build(Settings(mllp_port=0), await runtime_of(metadata))
    mllp = next(worker for worker in service.workers if worker.name == "mllp")
    running = asyncio.ensure_future(mllp.run())
    try:
        async with asyncio.timeout(5):
            while not (await readiness(service.api))["ready"]:  # noqa: ASYNC110 - it is asked for
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
