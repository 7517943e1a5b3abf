"""Errors on `/v1` as problem+json (RFC 9457). No answer repeats what was sent: it may be a person's data."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.types import Message

from common import tracing
from common.errors import ConcurrentUpdate, IllegalMove, Refused, Retry, Stale
from common.field_words import words
from common.tracing_http import TRACE_ID
from common.verdicts import is_momentary, is_outage

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
TYPES = "https://referral-loop.dev/problems/"
BODY = "body"

NO_OBJECT = "must be a JSON object, sent with Content-Type: application/json"


class TooLarge(HTTPException):
    """The body is larger than the bound.

    An HTTPException, because FastAPI turns any other error while it reads a body into a 400.
    """

    def __init__(self, limit: int) -> None:
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        super().__init__(status, f"at most {limit} bytes are taken", {"connection": "close"})


class FieldProblem(BaseModel):
    """One field that is wrong."""

    pointer: str | None = Field(default=None, description="Where in the body (RFC 6901)")
    parameter: str | None = Field(default=None, description="Which header, path or query parameter")
    detail: str


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str | None = None
    instance: str | None = None
    code: str | None = None
    errors: list[FieldProblem] | None = None
    allowed: list[str] | None = Field(default=None, description="The moves that are allowed now")
    trace_id: str | None = Field(
        default=None, description="Name it when you ask us: our logs and traces have it too"
    )


def install(api: FastAPI) -> None:
    """Answer every error of this API, the framework's own included, as problem+json."""
    api.add_exception_handler(Refused, _refused)
    api.add_exception_handler(Retry, _busy)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(TooLarge, _too_large)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(Exception, _failed)


def answer(
    request: Request, problem: Problem, headers: dict[str, str] | None = None
) -> JSONResponse:
    """Return a problem as a response."""
    told = problem.model_copy(update={"instance": request.url.path, "trace_id": _trace_id(request)})
    return JSONResponse(
        told.model_dump(exclude_none=True),
        status_code=problem.status,
        headers=headers,
        media_type=MEDIA_TYPE,
    )


def pointer(location: Sequence[int | str]) -> str:
    """Return an RFC 6901 pointer for a place inside the body."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)  # noqa: S101 - Starlette hands over what was registered
    problem = Problem(
        type=f"{TYPES}{error.code.replace('_', '-')}",
        title=error.title,
        status=error.status,
        detail=error.detail,
        code=error.code,
        errors=[FieldProblem(pointer=e.pointer, detail=e.detail) for e in error.errors] or None,
        allowed=list(error.allowed) if isinstance(error, IllegalMove) else None,
    )
    etag = error.etag if isinstance(error, Stale) else None
    return answer(request, problem, {"ETag": etag} if etag else None)


async def _busy(request: Request, error: Exception) -> JSONResponse:
    status, detail = HTTPStatus.SERVICE_UNAVAILABLE, "something that is needed is away for now"
    if isinstance(error, ConcurrentUpdate) or not (isinstance(error, Retry) or is_outage(error)):
        status, detail = HTTPStatus.CONFLICT, "another request changed this at the same moment"
    problem = Problem(
        type=f"{TYPES}try-again",
        title="Try again",
        status=status,
        detail=f"{detail}; send the same again",
        code="try_again",
    )
    return answer(request, problem, {"Retry-After": "1"})


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as registered
    faults = error.errors()
    is_json = not any(_is_not_json(fault) for fault in faults)
    problem = Problem(
        type=f"{TYPES}invalid",
        title="Invalid content",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if is_json else HTTPStatus.BAD_REQUEST,
        detail="some fields cannot be used; see errors" if is_json else "the body is not JSON",
        code="invalid",
        errors=[_field(fault) for fault in faults],
    )
    return answer(request, problem)


def _is_not_json(fault: dict[str, Any]) -> bool:
    return bool(fault["type"] == "json_invalid" and fault["loc"][:1] == (BODY,))


def _field(error: dict[str, Any]) -> FieldProblem:
    place = list(error["loc"])
    if _is_not_json(error):
        return FieldProblem(pointer="", detail="the body is not valid JSON")
    if place == [BODY] and error["type"] == "model_attributes_type":
        return FieldProblem(pointer="", detail=NO_OBJECT)
    if place and place[0] == BODY:
        return FieldProblem(pointer=pointer(place[1:]), detail=words(error))
    return FieldProblem(parameter=".".join(str(part) for part in place[1:]), detail=words(error))


async def _too_large(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, TooLarge)  # noqa: S101 - as registered
    return answer(request, too_large(error), dict(error.headers or {}))


def too_large(error: TooLarge) -> Problem:
    """Return the refusal of a body that is too large."""
    return Problem(
        title="Content too large", status=error.status_code, detail=error.detail, code="too_large"
    )


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - as registered
    status = HTTPStatus(error.status_code)
    detail = error.detail if isinstance(error.detail, str) else None
    code = status.name.lower()
    problem = Problem(title=status.phrase, status=status, detail=detail or None, code=code)
    return answer(request, problem, dict(error.headers or {}))


async def _failed(request: Request, error: Exception) -> JSONResponse:
    log.error(
        "request_failed",
        method=request.method,
        route=_route(request),
        code=type(error).__name__,
        trace_id=_trace_id(request),
    )
    if is_outage(error) or is_momentary(error):
        return await _busy(request, error)
    problem = Problem(
        title="Internal error",
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        detail="this is our fault; with an Idempotency-Key it is safe to send the same again",
        code="internal",
    )
    return answer(request, problem)


def _route(request: Request) -> str:
    return getattr(request.scope.get("route"), "path", "unknown")


def _trace_id(request: Request) -> str | None:
    """Return the request's trace, also where its span is over: a 500 is answered outside of it."""
    found: str | None = request.scope.get(TRACE_ID)
    return found


def messages(problem: Problem, headers: Mapping[str, str]) -> tuple[Message, Message]:
    """Return a problem as the two ASGI messages of a response, for middleware."""
    problem = problem.model_copy(update={"trace_id": tracing.trace_id()})
    body = problem.model_dump_json(exclude_none=True).encode()
    told = {"content-type": MEDIA_TYPE, "content-length": str(len(body))} | dict(headers)
    raw = [(name.encode(), value.encode()) for name, value in told.items()]
    start = {"type": "http.response.start", "status": problem.status, "headers": raw}
    return start, {"type": "http.response.body", "body": body}
