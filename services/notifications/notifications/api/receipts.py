"""Gateways call back here. What they say is a hint: the fax is read again before it is believed."""

import hmac
from collections.abc import Sequence
from typing import Annotated

import structlog
from fastapi import APIRouter, Path, Request, Response
from sqlalchemy import RowMapping

from common import tracing
from common.dependencies import RuntimeDep
from common.errors import NotFound, Refused
from notifications.api.given import Given, GivenDep, ReadCallback
from notifications.api.refusals import refusals
from notifications.store import deliveries

log = structlog.get_logger()

LARGEST = 8 * 1024 * 1024
"""Bytes of one callback: some gateways send the faxed pages along, which are not looked at."""

router = APIRouter(tags=["receipts"], responses=refusals(404, 413))


class CallbackTooLarge(Refused):
    """The callback is larger than any honest one."""

    status = 413
    title = "Content too large"
    code = "too_large"


@router.post(
    "/receipts/{gateway}/{secret}",
    status_code=204,
    response_class=Response,
    summary="Take a gateway's callback",
    openapi_extra={
        "requestBody": {
            "content": {"application/json": {}, "multipart/form-data": {}},
            "description": "As the gateway sends it",
        }
    },
)
async def take_callback(
    gateway: Annotated[str, Path(max_length=20)],
    secret: Annotated[str, Path(max_length=200)],
    request: Request,
    given: GivenDep,
    runtime: RuntimeDep,
) -> None:
    """Have the fax asked about at once. 204 also for what is not understood: polling finds out.

    The transaction begins when the body is there: a slow sender must not hold up every writer.
    """
    read = _reader(given, gateway, secret)
    gateway_id = read(dict(request.headers), await _bounded(request))
    known: Sequence[RowMapping] = ()
    if gateway_id is not None:
        async with runtime.db.begin() as tx:
            known = await deliveries.ask_soon(tx, gateway_id, now=runtime.clock())
    for row in known:
        _join(row, gateway)
    log.info("callback_received", gateway=gateway, outcome="known" if known else "ignored")


def _join(row: RowMapping, gateway: str) -> None:
    """Show the callback in the trace of its delivery; each points to the other."""
    tracing.link(row["traceparent"])
    request = tracing.current()
    about = {"delivery_id": row["id"], "gateway": gateway}
    with tracing.span("take callback", parent=row["traceparent"], **about) as span:
        span.link(request)


def _reader(given: Given, gateway: str, secret: str) -> ReadCallback:
    """Return how a gateway's callbacks are read; 404 for any other gateway or secret."""
    expected, reader = given.callback_secret, given.callbacks.get(gateway)
    known = expected and hmac.compare_digest(secret.encode(), expected.encode())
    if not known or reader is None:
        raise NotFound("no such receiver")
    return reader


async def _bounded(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise CallbackTooLarge(f"at most {LARGEST} bytes are taken")
    return bytes(body)
