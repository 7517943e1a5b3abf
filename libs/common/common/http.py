"""The HTTP shell of every service: problem+json, health, metrics, documentation, bounds and safe headers."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import Depends, FastAPI, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from fastapi.telemetry import TelemetryConfig
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common import metrics, openapi, problems
from common.errors import Misconfigured, Retry
from common.gauges import Gauges
from common.problems import Problem, TooLarge
from common.service import Runtime
from common.tracing_http import Traced

LARGEST_BODY = 32 * 1024 * 1024
"""Bytes of one request; documents have a tighter bound of their own."""

CHECK_SECONDS = 2.0
"""How long a readiness check may take: who asks gives up soon after."""

Check = Callable[[], Awaitable[None]]

UNTOLD: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
"""FastAPI is to tell nothing of a request: common.tracing_http does, and says nobody's data."""

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "model": Problem,
        "description": text,
        "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, text in {
        400: "The body is no JSON, or no form, at all",
        401: "The bearer token is missing or another (where the API asks for one)",
        403: "The caller may not have this",
        404: "There is no such thing",
        409: "The state does not allow it, or the same request is still running",
        412: "If-Match names an older version",
        413: "The body is too large",
        422: "Fields that cannot be used, each with a pointer",
        503: "Something that is needed is away for now; send the same again",
    }.items()
}
"""For `responses=` of routers, so that the documentation names every refusal."""


def create_api(name: str, *, title: str, description: str, runtime: Runtime) -> FastAPI:
    """Return an API with everything that all services have in common."""
    api = FastAPI(
        title=title,
        description=description,
        version="1",
        docs_url=None,
        redoc_url=None,
        telemetry=UNTOLD,
        dependencies=[Depends(openapi.refuse_unknown_parameters)],
    )
    api.state.runtime = runtime
    api.state.running = set()
    api.state.checks = {"database": runtime.db.ping, "event_log": runtime.log.ping}
    api.state.draining = False
    api.state.stuck = {}
    api.state.name = name
    api.state.gauges = Gauges(name)
    problems.install(api)
    openapi.install(api)
    _add_health(api, name)
    _add_documentation(api)
    api.add_middleware(BoundedBody, limit=LARGEST_BODY)
    api.add_middleware(SafeHeaders)
    api.add_middleware(Traced, service=name)
    return api


def _add_health(api: FastAPI, name: str) -> None:
    @api.get("/livez", tags=["operations"], summary="Is the process alive?")
    async def livez() -> dict[str, str]:
        return {"service": name, "status": "alive"}

    @api.get(
        "/readyz", tags=["operations"], summary="Can it do its work? 503 says what is missing."
    )
    async def readyz(request: Request) -> JSONResponse:
        told = await readiness(request.app)
        status = HTTPStatus.OK if told["ready"] else HTTPStatus.SERVICE_UNAVAILABLE
        return JSONResponse({"service": name} | told, status_code=status)

    @api.get(
        "/metrics",
        tags=["operations"],
        summary="Prometheus metrics",
        response_class=PlainTextResponse,
    )
    async def metrics(request: Request) -> Response:
        return await measured([request.app])


async def measured(apis: Sequence[FastAPI]) -> Response:
    """Return the page for Prometheus, with what the services behind these APIs are asked for now."""
    await asyncio.gather(
        *(readiness(api) for api in apis), *(api.state.gauges.refresh() for api in apis)
    )
    return Response(generate_latest(), headers={"content-type": CONTENT_TYPE_LATEST})


async def readiness(api: FastAPI) -> dict[str, Any]:
    """Return whether the service behind an API can take work, what each check said, and which loops are stuck.

    A stuck loop alone is no reason to send callers away: what they hand over is kept, and waits.
    """
    answers = {label: await _try(check) for label, check in api.state.checks.items()}
    told = {
        label: "ok" if error is None else type(error).__name__ for label, error in answers.items()
    }
    for label, error in answers.items():
        metrics.ready.labels(api.state.name, label).set(error is None)
    if api.state.draining:
        told["process"] = "draining"
    why = {label: str(e) for label, e in answers.items() if isinstance(e, Retry | Misconfigured)}
    more = {"reasons": why, "stuck": dict(api.state.stuck)}
    ready = all(result == "ok" for result in told.values())
    return {"ready": ready, "checks": told} | {name: what for name, what in more.items() if what}


async def _try(check: Check) -> Exception | None:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except Exception as error:  # noqa: BLE001 - the answer tells of it
        return error
    return None


def _add_documentation(api: FastAPI) -> None:
    """Serve the documentation with our own copy of its assets: hospital networks block CDNs."""
    assets = Path(fastapi_offline.__file__).parent / "static"
    api.mount("/static", StaticFiles(directory=assets), name="static")

    @api.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        root = request.scope.get("root_path", "")
        return get_swagger_ui_html(
            openapi_url=f"{root}/openapi.json",
            title=api.title,
            swagger_js_url=f"{root}/static/swagger-ui-bundle.js",
            swagger_css_url=f"{root}/static/swagger-ui.css",
            swagger_favicon_url=f"{root}/static/favicon.png",
        )


class SafeHeaders:
    """Adds the headers that keep patient data out of caches and frames."""

    HEADERS = (
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"no-referrer"),
    )

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an app."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers to each response that does not set them itself."""

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                missing = [pair for pair in self.HEADERS if pair[0] not in present]
                message["headers"] = [*message["headers"], *missing]
            await send(message)

        await self._app(scope, receive, sent if scope["type"] == "http" else send)


class BoundedBody:
    """Refuses a body above the limit, announced or not, before anything parses it."""

    def __init__(self, app: ASGIApp, *, limit: int) -> None:
        """Wrap an app; `limit` in bytes."""
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count what comes in."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._limit:
            await self._refuse(send)
            return
        await self._counting(scope, receive, send)

    async def _counting(self, scope: Scope, receive: Receive, send: Send) -> None:
        total = 0

        async def counted() -> Message:
            nonlocal total
            message = await receive()
            total += len(message.get("body", b""))
            if total > self._limit:
                raise TooLarge(self._limit)
            return message

        await self._app(scope, counted, send)

    async def _refuse(self, send: Send) -> None:
        error = TooLarge(self._limit)
        for message in problems.messages(problems.too_large(error), error.headers or {}):
            await send(message)
