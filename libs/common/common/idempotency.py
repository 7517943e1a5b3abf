"""Idempotency-Key on POST routes (IETF httpapi draft 07): a repeat gets the first answer again.

The answer is kept, sealed, in the transaction of its effect. A refusal is not kept: it had no effect.
"""

import hashlib
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine
from email.message import Message
from typing import Any

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from sqlalchemy.exc import IntegrityError

from common import answers
from common.answers import Asked
from common.errors import FieldError, Invalid, StillRunning
from common.service import Runtime

HEADER = "Idempotency-Key"
LONGEST = 255

Endpoint = Callable[[Request], Awaitable[Response]]


class IdempotentRoute(APIRoute):
    """A route whose POST may be repeated under the same Idempotency-Key."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the endpoint; without the header, or for another method, nothing changes."""
        endpoint = super().get_route_handler()

        async def handler(request: Request) -> Response:
            asked = await asked_of(request) if request.method == "POST" else None
            if asked is None:
                return await endpoint(request)
            return await alone(request, asked, lambda: _once(request, asked, endpoint))

        return handler


async def asked_of(request: Request) -> Asked | None:
    """Return what is asked under a key, or None without one; Invalid when the key is unusable."""
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not 0 < len(key) <= LONGEST:
        fault = FieldError("", f"{HEADER} must have 1 to {LONGEST} characters")
        raise Invalid(f"{HEADER} is unusable", errors=[fault])
    return Asked(f"{request.method} {request.scope['path']}", key, await _fingerprint(request))


async def alone(
    request: Request, asked: Asked, answer: Callable[[], Awaitable[Response]]
) -> Response:
    """Let one request under a key through at a time; StillRunning for the others."""
    running: set[tuple[str, str]] = request.app.state.running
    if asked.place in running:
        raise _still_running()
    running.add(asked.place)
    try:
        return await answer()
    except IntegrityError as error:
        if await _is_kept(request.app.state.runtime, asked):
            raise _still_running() from error
        raise
    finally:
        running.discard(asked.place)


async def _once(request: Request, asked: Asked, endpoint: Endpoint) -> Response:
    runtime: Runtime = request.app.state.runtime
    async with runtime.db.begin() as tx:
        kept = await answers.find(tx, asked, runtime.sealer)
        if kept is not None:
            return kept
        request.state.tx = tx
        response = await _whole(await endpoint(request))
        if response.status_code < 400:
            await answers.keep(tx, asked, response, runtime.sealer, now=runtime.clock())
        return response


def _still_running() -> StillRunning:
    return StillRunning(f"a request with this {HEADER} is being handled; ask again shortly")


async def _is_kept(runtime: Runtime, asked: Asked) -> bool:
    """Tell a key that another process kept first from a constraint that the endpoint broke."""
    async with runtime.db.read() as tx:
        return await answers.find(tx, asked, runtime.sealer) is not None


async def _fingerprint(request: Request) -> str:
    """Hash what was asked; a multipart boundary is drawn anew by each client and says nothing."""
    body = await request.body()
    if boundary := _boundary(request.headers.get("content-type", "")):
        body = body.replace(boundary.encode("latin-1", errors="replace"), b"")
    return hashlib.sha256(request.scope["query_string"] + b"\n" + body).hexdigest()


def _boundary(content_type: str) -> str | None:
    if not content_type.lstrip().lower().startswith("multipart/"):
        return None
    content = Message()
    content["content-type"] = content_type
    return content.get_boundary()


async def _whole(response: Response) -> Response:
    """Return the response with its whole body at hand, so that it can be kept."""
    if not isinstance(response, StreamingResponse):
        return response
    stream: AsyncIterable[Any] = response.body_iterator
    parts = [part if isinstance(part, bytes) else str(part).encode() async for part in stream]
    kept = dict(response.headers)
    return Response(b"".join(parts), response.status_code, kept, background=response.background)
