"""The outermost API of embedded mode: each service below its name, and health for all of them."""

from collections.abc import Sequence
from html import escape
from http import HTTPStatus

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse, JSONResponse

from common import problems
from common.http import measured, readiness
from common.service import Service

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Referral Loop</title>
<style>body{{font:16px/1.5 sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}}</style></head>
<body><h1>Referral Loop</h1><p>All services in one process. Each has its own interactive
documentation:</p><ul>{links}</ul><p><a href="/readyz">Is it ready?</a> ·
<a href="/metrics">Metrics</a></p></body></html>"""


def root_api(services: Sequence[Service]) -> FastAPI:
    """Return an API with every service's API mounted below `/<service>`."""
    api = FastAPI(title="Referral Loop", docs_url=None, redoc_url=None, openapi_url=None)
    problems.install(api)
    links = "".join(
        f'<li><a href="/{escape(s.name)}/docs">{escape(s.api.title)}</a></li>' for s in services
    )

    @api.get("/")
    async def overview() -> HTMLResponse:
        return HTMLResponse(PAGE.format(links=links))

    @api.get("/livez")
    async def livez() -> dict[str, str]:
        return {"service": "embedded", "status": "alive"}

    @api.get("/readyz")
    async def readyz() -> JSONResponse:
        told = {service.name: await readiness(service.api) for service in services}
        ready = all(answer["ready"] for answer in told.values())
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        return JSONResponse({"ready": ready, "services": told}, status_code=status)

    @api.get("/metrics")
    async def metrics() -> Response:
        return await measured([service.api for service in services])

    for service in services:
        api.mount(f"/{service.name}", service.api)
    return api
