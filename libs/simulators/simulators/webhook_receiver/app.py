"""Lets the receiver listen, in a test's event loop or as a process, with its `/_sim/` control."""

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, Response
from pydantic import BaseModel
from starlette.datastructures import UploadFile

from simulators.loopback import serve_forever, serving
from simulators.webhook_receiver.answers import Answer, ok
from simulators.webhook_receiver.receiver import Event, Receiver, new_secret


class Wanted(BaseModel):
    """A script for the receiver: answers in turn, then one for ever."""

    steps: list[Answer] = []
    then: Answer = ok()


def receiver_of(request: Request) -> Receiver:
    """Find the receiver that this application serves."""
    receiver: Receiver = request.app.state.receiver
    return receiver


TheReceiver = Annotated[Receiver, Depends(receiver_of)]


@asynccontextmanager
async def running(*, secret: str | None = None, port: int = 0) -> AsyncGenerator[Receiver]:
    """Run a receiver in this event loop on loopback; it makes a secret when given none."""
    app = build(secret or new_secret())
    receiver: Receiver = app.state.receiver
    async with serving(app, port=port) as base_url:
        receiver.base_url = base_url
        yield receiver


def run(secret: str, *, host: str, port: int) -> None:
    """Run a receiver as this process."""
    serve_forever(build(secret), host=host, port=port)


def build(secret: str) -> FastAPI:
    """Build the application around a new receiver."""
    app = FastAPI(title="Webhook receiver simulator", docs_url=None, redoc_url=None)
    app.state.receiver = Receiver(secret)
    app.add_api_route("/_sim/events", all_events, methods=["GET"])
    app.add_api_route("/_sim/script", follow, methods=["POST"], status_code=204)
    app.add_api_route("/_sim/reset", reset, methods=["POST"], status_code=204)
    app.add_api_route("/{path:path}", receive, methods=["POST"])
    return app


async def receive(request: Request, receiver: TheReceiver) -> Response:
    """Keep a webhook, then answer as the script says."""
    answer = receiver.script.take()
    receiver.events.append(await _event(request, receiver, answer))
    await asyncio.sleep(answer.delay)
    return Response(status_code=answer.status, headers=answer.headers())


async def all_events(receiver: TheReceiver) -> list[dict[str, Any]]:
    """Show every webhook in the order in which it came."""
    return [_shown(event) for event in receiver.events]


async def follow(wanted: Wanted, receiver: TheReceiver) -> None:
    """Change what is answered from now on."""
    receiver.follow(*wanted.steps, then=wanted.then)


async def reset(receiver: TheReceiver) -> None:
    """Forget the events and the script."""
    receiver.reset()


async def _event(request: Request, receiver: Receiver, answer: Answer) -> Event:
    body = await request.body()
    headers = dict(request.headers)
    form, files = await _parts(request)
    return Event(
        id=headers.get("webhook-id", ""),
        at=datetime.now(UTC),
        path=request.url.path,
        headers=headers,
        body=body,
        verified=receiver.is_signed_by_us(body, headers),
        answer=answer,
        form=form,
        files=files,
    )


async def _parts(request: Request) -> tuple[dict[str, str], dict[str, bytes]]:
    if not request.headers.get("content-type", "").startswith("multipart/"):
        return {}, {}
    async with request.form() as form:
        texts = {name: value for name, value in form.items() if isinstance(value, str)}
        uploads = {name: part for name, part in form.items() if isinstance(part, UploadFile)}
        return texts, {name: await part.read() for name, part in uploads.items()}


def _shown(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "at": event.at.isoformat(),
        "path": event.path,
        "headers": event.headers,
        "body": event.body.decode("utf-8", errors="replace"),
        "bodyBase64": base64.b64encode(event.body).decode("ascii"),
        "verified": event.verified,
        "answer": event.answer.status,
    }
