"""Idempotency-Key on POST routes (IETF httpapi draft 07): a repeat gets the first answer again.

The answer is kept in the transaction of its effect. A refusal is not kept: it had no effect.
"""

import hashlib
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from sqlalchemy import RowMapping, insert, select

from common.database import Transaction
from common.errors import FieldError, Invalid, KeyReused, StillRunning
from common.service import Runtime
from common.tables import idempotency_keys as keys

HEADER = "Idempotency-Key"
LONGEST = 255
REPLAYED = "Idempotent-Replayed"
KEPT_HEADERS = ("content-type", "location", "etag")


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
            return await _once(request, key, endpoint)

        return handler


async def _once(
    request: Request, key: str, endpoint: Callable[[Request], Awaitable[Response]]
) -> Response:
    runtime: Runtime = request.app.state.runtime
    scope = f"{request.method} {request.url.path}"
    fingerprint = hashlib.sha256(await request.body()).hexdigest()
    running: set[tuple[str, str]] = request.app.state.running
    if (scope, key) in running:
        raise StillRunning(f"a request with this {HEADER} is being handled; ask again shortly")
    running.add((scope, key))
    try:
        async with runtime.db.begin() as tx:
            if kept := await _find(tx, scope, key):
                return _again(kept, fingerprint)
            request.state.tx = tx
            response = await endpoint(request)
            await _keep(tx, (scope, key, fingerprint), response, now=runtime.clock())
            return response
    finally:
        running.discard((scope, key))


async def _find(tx: Transaction, scope: str, key: str) -> RowMapping | None:
    query = select(keys).where(keys.c.scope == scope, keys.c.key == key)
    return (await tx.execute(query)).mappings().one_or_none()


def _again(kept: RowMapping, fingerprint: str) -> Response:
    if kept["fingerprint"] != fingerprint:
        raise KeyReused(f"this {HEADER} was used before with another body")
    headers = kept["headers"] | {REPLAYED: "true"}
    return Response(content=kept["body"], status_code=kept["status"], headers=headers)


async def _keep(
    tx: Transaction, request: tuple[str, str, str], response: Response, *, now: datetime
) -> None:
    scope, key, fingerprint = request
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    answer = {"status": response.status_code, "headers": headers, "body": bytes(response.body)}
    row = {"scope": scope, "key": key, "fingerprint": fingerprint, "created_at": now} | answer
    await tx.execute(insert(keys).values(row))
