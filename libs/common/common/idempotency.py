"""Idempotency-Key on POST routes (IETF httpapi draft 07): a repeat gets the first answer again.

The answer is kept, sealed, in the transaction of its effect. A refusal is not kept: it had no effect.
"""

import hashlib
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from typing import Any

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from sqlalchemy import RowMapping, insert, select
from sqlalchemy.exc import IntegrityError

from common.database import Transaction
from common.errors import FieldError, Invalid, KeyReused, StillRunning
from common.sealing import Sealer
from common.service import Runtime
from common.tables import idempotency_keys as keys

HEADER = "Idempotency-Key"
LONGEST = 255
REPLAYED = "Idempotent-Replayed"
KEPT_HEADERS = ("content-type", "location", "etag")

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request under a key: where, which key, and what was asked."""

    scope: str
    key: str
    fingerprint: str

    @property
    def context(self) -> str:
        """What the sealed answer is bound to."""
        return f"idempotency:{self.scope}:{self.key}"


class IdempotentRoute(APIRoute):
    """A route whose POST may be repeated under the same Idempotency-Key."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the endpoint; without the header, or for another method, nothing changes."""
        endpoint = super().get_route_handler()

        async def handler(request: Request) -> Response:
            key = request.headers.get(HEADER)
            if key is None or request.method != "POST":
                return await endpoint(request)
            if not 0 < len(key) <= LONGEST:
                fault = FieldError("", f"{HEADER} must have 1 to {LONGEST} characters")
                raise Invalid(f"{HEADER} is unusable", errors=[fault])
            return await _alone(request, key, endpoint)

        return handler


async def _alone(request: Request, key: str, endpoint: Endpoint) -> Response:
    """Let one request under a key through at a time; StillRunning for the others."""
    asked = Asked(f"{request.method} {request.url.path}", key, await _fingerprint(request))
    running: set[tuple[str, str]] = request.app.state.running
    place = (asked.scope, key)
    if place in running:
        raise _still_running()
    running.add(place)
    try:
        return await _once(request, asked, endpoint)
    except IntegrityError as error:
        if await _is_kept(request.app.state.runtime, asked):
            raise _still_running() from error
        raise
    finally:
        running.discard(place)


async def _once(request: Request, asked: Asked, endpoint: Endpoint) -> Response:
    runtime: Runtime = request.app.state.runtime
    async with runtime.db.begin() as tx:
        if kept := await _find(tx, asked):
            return _again(kept, asked, runtime.sealer)
        request.state.tx = tx
        response = await _whole(await endpoint(request))
        if response.status_code < 400:
            await _keep(tx, asked, response, runtime.sealer, now=runtime.clock())
        return response


def _still_running() -> StillRunning:
    return StillRunning(f"a request with this {HEADER} is being handled; ask again shortly")


async def _is_kept(runtime: Runtime, asked: Asked) -> bool:
    """Tell a key that another process kept first from a constraint that the endpoint broke."""
    async with runtime.db.read() as tx:
        return await _find(tx, asked) is not None


async def _fingerprint(request: Request) -> str:
    """Hash what was asked; a multipart boundary is drawn anew by each client and says nothing."""
    content = Message()
    content["content-type"] = request.headers.get("content-type", "")
    body = await request.body()
    if content.get_content_maintype() == "multipart" and (boundary := content.get_boundary()):
        body = body.replace(boundary.encode("latin-1", errors="replace"), b"")
    return hashlib.sha256(request.url.query.encode() + b"\n" + body).hexdigest()


async def _whole(response: Response) -> Response:
    """Return the response with its whole body at hand, so that it can be kept."""
    if not isinstance(response, StreamingResponse):
        return response
    stream: AsyncIterable[Any] = response.body_iterator
    parts = [part if isinstance(part, bytes) else str(part).encode() async for part in stream]
    kept = dict(response.headers)
    return Response(b"".join(parts), response.status_code, kept, background=response.background)


async def _find(tx: Transaction, asked: Asked) -> RowMapping | None:
    query = select(keys).where(keys.c.scope == asked.scope, keys.c.key == asked.key)
    return (await tx.execute(query)).mappings().one_or_none()


def _again(kept: RowMapping, asked: Asked, sealer: Sealer) -> Response:
    if kept["fingerprint"] != asked.fingerprint:
        raise KeyReused(f"this {HEADER} was used before with another body")
    headers = kept["headers"] | {REPLAYED: "true"}
    body = sealer.unseal_bytes(kept["body"], asked.context)
    return Response(content=body, status_code=kept["status"], headers=headers)


async def _keep(
    tx: Transaction, asked: Asked, response: Response, sealer: Sealer, *, now: datetime
) -> None:
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    row = {
        "scope": asked.scope,
        "key": asked.key,
        "fingerprint": asked.fingerprint,
        "status": response.status_code,
        "headers": headers,
        "body": sealer.seal_bytes(bytes(response.body), asked.context),
        "created_at": now,
    }
    await tx.execute(insert(keys).values(row))
