"""Reads what is posted plainly itself: FastAPI takes longer over four parts than the rest over a referral.

What is not plain (another content type, a part that cannot be used) FastAPI reads, and refuses in its words.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from pydantic_core import from_json
from starlette.requests import ClientDisconnect

from intake.api.given import Actor, IdempotencyKey
from intake.api.submission import SubmissionIn

JSON = "application/json"
ACTOR: TypeAdapter[str] = TypeAdapter(Actor)
KEY: TypeAdapter[str | None] = TypeAdapter(IdempotencyKey)


class ReadPlainly(APIRoute):
    """A route whose endpoint takes a submission, the request, the key and the actor, and nothing else."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Give what is plain to the endpoint, and the rest to FastAPI."""
        solve, endpoint = super().get_route_handler(), self.endpoint

        async def handler(request: Request) -> Response:
            plain = await _parts(request)
            if plain is None:
                return await solve(request)
            body, key, actor = plain
            response: Response = await endpoint(body, request, key, actor)
            return response

        return handler


async def _parts(request: Request) -> tuple[SubmissionIn, str | None, str] | None:
    """Return what FastAPI would give to the endpoint, or None where it must look itself."""
    headers = request.headers
    if headers.get("content-type") != JSON:
        return None
    try:
        body = SubmissionIn.model_validate(from_json(await request.body(), cache_strings="keys"))
        key = KEY.validate_python(headers.get("idempotency-key"))
        actor = ACTOR.validate_python(headers.get("x-actor", "api"))
    except (ValueError, ClientDisconnect):
        return None
    return body, key, actor
