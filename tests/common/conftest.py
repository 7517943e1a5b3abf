from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager

import httpx2
import pytest
from fastapi import FastAPI
from tests.common.sample import metadata
from tests.common.spans import Kept, Memory

from common import tracing
from common.eventlog.sqlite import SqliteEventLog
from common.http import create_api

Client = AbstractAsyncContextManager[httpx2.AsyncClient]


@pytest.fixture
async def runtime(runtime_of):
    return await runtime_of(metadata)


@pytest.fixture
async def db(make_database):
    return await make_database(metadata)


@pytest.fixture
async def log(tmp_path):
    log = SqliteEventLog(tmp_path / "log.db")
    yield log
    await log.close()


@pytest.fixture
def api(runtime) -> FastAPI:
    return create_api("sample", title="Sample", description="For tests.", runtime=runtime)


@pytest.fixture
def client() -> Callable[..., Client]:
    """Call an app as the outside would: an error of ours is an answer, not an exception."""

    def make(app) -> Client:
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        return httpx2.AsyncClient(transport=transport, base_url="http://test")

    return make


@pytest.fixture
def recorded() -> Iterator[list[Kept]]:
    memory = Memory()
    tracing.record_with(memory)
    yield memory.spans
    tracing.record_with(None)
