"""Lets the EMR listen, in a test's event loop or as a process with an HTTP `/_sim/` control."""

import base64
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel

from simulators.emr.server import EmrServer, Received
from simulators.emr.steps import Step, accept
from simulators.loopback import serve_forever


class Wanted(BaseModel):
    """A script for the EMR: answers in turn, then one for ever."""

    steps: list[Step] = []
    then: Step = accept()


def emr_of(request: Request) -> EmrServer:
    """Find the EMR that this application controls."""
    emr: EmrServer = request.app.state.emr
    return emr


TheEmr = Annotated[EmrServer, Depends(emr_of)]


@asynccontextmanager
async def running(
    *steps: Step, then: Step | None = None, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[EmrServer]:
    """Run an EMR's listener in this event loop on loopback; port 0 takes a free one."""
    emr = EmrServer(port=port, tls=tls)
    await emr.start()
    try:
        await emr.follow(*steps, then=then)
        yield emr
    finally:
        await emr.close()


def run(emr: EmrServer, *, host: str, control_port: int) -> None:
    """Run an EMR as this process, its control API on a port of its own."""
    serve_forever(control(emr), host=host, port=control_port)


def control(emr: EmrServer) -> FastAPI:
    """Build the control API; the EMR listens for as long as it runs."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        await emr.start()
        yield
        await emr.close()

    app = FastAPI(title="EMR simulator", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.emr = emr
    app.add_api_route("/_sim/messages", all_messages, methods=["GET"])
    app.add_api_route("/_sim/script", follow, methods=["POST"], status_code=204)
    app.add_api_route("/_sim/reset", reset, methods=["POST"], status_code=204)
    return app


async def all_messages(emr: TheEmr) -> dict[str, Any]:
    """Show every message in the order in which it came, and the MSH-10s that came twice."""
    return {
        "listening": emr.is_listening,
        "duplicates": emr.duplicates(),
        "messages": [_shown(received) for received in emr.received],
    }


async def follow(wanted: Wanted, emr: TheEmr) -> None:
    """Change how messages are answered from now on."""
    await emr.follow(*wanted.steps, then=wanted.then)


async def reset(emr: TheEmr) -> None:
    """Forget the messages and the script."""
    await emr.reset()


def _shown(received: Received) -> dict[str, Any]:
    return {
        "controlId": received.control_id,
        "at": received.at.isoformat(),
        "text": received.message.decode("utf-8", errors="replace"),
        "base64": base64.b64encode(received.message).decode("ascii"),
        "answeredBy": received.step.kind.value,
        "answers": [answer.decode("utf-8", errors="replace") for answer in received.answers],
    }
