"""The gateway's own API, `/v3/projects/{projectId}/faxes`, as Sinch Fax API v3 publishes it."""

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from starlette.types import Receive, Scope, Send

from simulators.fax_gateway.behaviour import Answer
from simulators.fax_gateway.errors import RefusedError
from simulators.fax_gateway.fax import Fax
from simulators.fax_gateway.gateway import Gateway
from simulators.fax_gateway.listing import listing
from simulators.fax_gateway.reading import read_send
from simulators.fax_gateway.request import parse_send

RETRY_AFTER_SECONDS = 1
REFUSALS: dict[Answer, tuple[int, int | None]] = {
    Answer.NO_FUNDS: (402, None),
    Answer.RATE_LIMITED: (429, RETRY_AFTER_SECONDS),
    Answer.BROKEN: (500, None),
}


def gateway_of(request: Request) -> Gateway:
    """Find the gateway that this application serves."""
    gateway: Gateway = request.app.state.gateway
    return gateway


TheGateway = Annotated[Gateway, Depends(gateway_of)]
Credentials = Annotated[HTTPBasicCredentials | None, Depends(HTTPBasic(auto_error=False))]


def admit(project_id: str, gateway: TheGateway, credentials: Credentials) -> None:
    """Let a call in: no outage, the right key, the right project."""
    if gateway.exchange.is_down():
        raise RefusedError(503)
    account = gateway.account
    given = f"{credentials.username}:{credentials.password}" if credentials else ""
    expected = f"{account.key_id}:{account.key_secret}"
    if not secrets.compare_digest(given.encode(), expected.encode()):
        raise RefusedError(401)
    if project_id != account.project_id:
        raise RefusedError(404)


router = APIRouter(prefix="/v3/projects/{project_id}/faxes", dependencies=[Depends(admit)])


class NoAnswer(Response):
    """Hang up instead of answering: the caller cannot know what became of the request."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - nothing is sent
        """Cut the connection and wait until it is gone."""
        scope["state"]["hang_up"]()
        while (await receive())["type"] != "http.disconnect":
            pass


@router.post("")
async def send(request: Request, gateway: TheGateway) -> Response:
    """Accept a fax, or refuse it as the destination's script says."""
    fields, uploads = await read_send(request)
    order = parse_send(fields, uploads)
    steps = [gateway.exchange.next_step(to) for to in order.to]
    for step in steps:
        if step.answer in REFUSALS:
            status, retry_after = REFUSALS[step.answer]
            raise RefusedError(status, retry_after=retry_after)
    faxes = [fax.as_json(project(gateway)) for fax in await gateway.send(order, uploads, steps)]
    if any(step.answer is Answer.LOST for step in steps):
        return NoAnswer()
    return JSONResponse(faxes[0] if len(faxes) == 1 else {"faxes": faxes})


@router.get("")
async def list_faxes(request: Request, gateway: TheGateway) -> dict[str, Any]:
    """List faxes, the newest first, filtered and in pages."""
    return listing(gateway.faxes, request.query_params, project(gateway))


@router.get("/{fax_id}")
async def get_fax(fax_id: str, gateway: TheGateway) -> dict[str, Any]:
    """Show one fax: the only word on it that is to be believed."""
    return find(gateway, fax_id).as_json(project(gateway))


@router.get("/{fax_id}/file.pdf")
async def get_file(fax_id: str, gateway: TheGateway) -> Response:
    """Return the document, unless its content was deleted."""
    fax = find(gateway, fax_id)
    if not fax.has_file:
        raise RefusedError(404)
    return Response(fax.document.content, media_type="application/pdf")


@router.delete("/{fax_id}/file", status_code=204)
async def delete_file(fax_id: str, gateway: TheGateway) -> None:
    """Forget the content for API callers; the paper on the far side stays."""
    find(gateway, fax_id).has_file = False


def find(gateway: Gateway, fax_id: str) -> Fax:
    """Find a fax by its id, or refuse with 404."""
    fax = gateway.exchange.faxes.get(fax_id)
    if fax is None:
        raise RefusedError(404)
    return fax


def project(gateway: Gateway) -> str:
    """Name the project that every fax of this gateway belongs to."""
    return gateway.account.project_id
