"""`/_sim/`: what the simulator did, for tests and an independent audit, and how to disturb it."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from simulators.fax_gateway.api import TheGateway, find
from simulators.fax_gateway.behaviour import SCRIPTS
from simulators.fax_gateway.fax import Fax, timestamp
from simulators.fax_gateway.gateway import Gateway
from simulators.fax_gateway.reading import read_send
from simulators.fax_gateway.request import parse_send

router = APIRouter(prefix="/_sim")


class Outage(BaseModel):
    """One of the three: for so many seconds, until ended, or over."""

    seconds: Annotated[float, Field(gt=0)] | None = None
    on: bool = False
    off: bool = False


class Behaviour(BaseModel):
    """A number and the suffix (a row of the table) by which it shall behave."""

    number: str
    suffix: str


@router.get("/faxes")
async def all_faxes(gateway: TheGateway) -> list[dict[str, Any]]:
    """Tell everything about every fax, the newest first."""
    return [_audit(gateway, fax) for fax in gateway.faxes]


@router.get("/faxes/{fax_id}/file.pdf")
async def document(fax_id: str, gateway: TheGateway) -> Response:
    """Return a document as it was handed over, even after the API forgot it."""
    return FileResponse(
        gateway.archive.document(find(gateway, fax_id).id), media_type="application/pdf"
    )


@router.get("/faxes/{fax_id}/pages/{number}.png")
async def page(fax_id: str, number: int, gateway: TheGateway) -> Response:
    """Return one drawn page, counted from 1."""
    fax = find(gateway, fax_id)
    if number not in gateway.archive.printed_pages(fax):
        raise HTTPException(404)
    return FileResponse(gateway.archive.page(fax.id, number), media_type="image/png")


@router.post("/incoming", status_code=201)
async def incoming(request: Request, gateway: TheGateway) -> dict[str, Any]:
    """Fax us: fields and file as in a send; `callbackUrl` gets INCOMING_FAX."""
    fields, uploads = await read_send(request)
    fax = await gateway.receive(parse_send(fields, uploads), uploads)
    return _audit(gateway, fax)


@router.post("/outage", status_code=204)
async def outage(wanted: Outage, gateway: TheGateway) -> None:
    """Begin or end an outage: every API call is answered 503."""
    if wanted.seconds is not None:
        gateway.exchange.begin_outage(wanted.seconds)
    elif wanted.on:
        gateway.exchange.begin_outage()
    else:
        gateway.exchange.end_outage()


@router.post("/behaviour", status_code=204)
async def behaviour(wanted: Behaviour, gateway: TheGateway) -> None:
    """Change what happens to a number from now on."""
    if wanted.suffix not in SCRIPTS:
        raise HTTPException(422, f"no such row: {wanted.suffix}")
    gateway.set_behaviour(wanted.number, wanted.suffix)


@router.post("/reset", status_code=204)
async def reset(gateway: TheGateway) -> None:
    """Forget everything."""
    await gateway.reset()


def _audit(gateway: Gateway, fax: Fax) -> dict[str, Any]:
    return {
        **fax.as_json(gateway.account.project_id),
        "sha256": fax.document.sha256,
        "delivered": fax.ending is not None and fax.ending.delivered,
        "timesDelivered": gateway.exchange.times_delivered(fax),
        "printedPages": gateway.archive.printed_pages(fax),
        "webhooks": [
            {
                "at": timestamp(post.at),
                "claimed": post.claimed,
                "answer": post.answer,
                "forged": post.forged,
            }
            for post in fax.webhooks
        ],
    }
