"""Puts the gateway together and lets it listen, in a test's event loop or as a process."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from simulators.fax_gateway import api, control, page
from simulators.fax_gateway.calls import Timing
from simulators.fax_gateway.errors import RefusedError, answer_refusal, answer_violations
from simulators.fax_gateway.gateway import Account, Gateway
from simulators.fax_gateway.request import InvalidSendError
from simulators.loopback import serve_forever, serving


@asynccontextmanager
async def running(
    *,
    folder: Path,
    port: int = 0,
    answer_after: float = 0.2,
    account: Account | None = None,
) -> AsyncGenerator[Gateway]:
    """Run a gateway in this event loop on loopback; port 0 takes a free one.

    `answer_after` is the time in seconds from accepting a fax to the end of its first dial.
    """
    app = build(folder, account or Account(), answer_after=answer_after)
    gateway: Gateway = app.state.gateway
    async with serving(app, port=port) as base_url:
        gateway.base_url = base_url
        try:
            yield gateway
        finally:
            # Here and not in the lifespan: the server would only log what went wrong in a call.
            await gateway.calls.stop()


def run(folder: Path, account: Account, *, host: str, port: int, answer_after: float) -> None:
    """Run a gateway as this process."""
    serve_forever(build(folder, account, answer_after=answer_after), host=host, port=port)


def build(folder: Path, account: Account, *, answer_after: float) -> FastAPI:
    """Build the application around a new gateway."""
    gateway = Gateway(folder, account, Timing(answer_after=answer_after))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        yield
        await gateway.calls.close()

    app = FastAPI(title="Fax gateway simulator", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.gateway = gateway
    app.exception_handler(RefusedError)(answer_refusal)
    app.exception_handler(InvalidSendError)(answer_violations)
    for router in (api.router, control.router, page.router):
        app.include_router(router)
    return app
