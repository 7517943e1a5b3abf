"""Counts what comes in by REST and what becomes of it, after the commit."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from common import metrics
from common.answers import REPLAYED
from common.errors import Refused


class Counted(APIRoute):
    """A route whose POSTs are messages: received, repeated, refused, or failed by us."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the endpoint."""
        endpoint = super().get_route_handler()

        async def handler(request: Request) -> Response:
            if request.method != "POST":
                return await endpoint(request)
            outcome = "failed"
            try:
                response = await endpoint(request)
                outcome = _outcome(response)
            except (Refused, RequestValidationError, HTTPException):
                outcome = "refused"
                raise
            finally:
                metrics.messages_received.labels("rest", outcome).inc()
            return response

        return handler


def _outcome(response: Response) -> str:
    is_new = response.status_code == HTTPStatus.CREATED and REPLAYED not in response.headers
    return "received" if is_new else "repeated"
