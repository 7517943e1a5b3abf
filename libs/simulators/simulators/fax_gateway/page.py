"""The page a person looks at: what came out of the fax machines, newest first."""

from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from simulators.fax_gateway.api import TheGateway
from simulators.fax_gateway.fax import Fax
from simulators.fax_gateway.gateway import Gateway

router = APIRouter()

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
)


@router.get("/", response_class=HTMLResponse)
async def page(gateway: TheGateway) -> HTMLResponse:
    """Show every fax with its outcome and its pages."""
    rows = [_row(gateway, fax) for fax in gateway.faxes]
    html = _templates.get_template("faxes.html").render(faxes=rows, down=gateway.exchange.is_down())
    policy = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'"
    return HTMLResponse(html, headers={"Content-Security-Policy": policy})


def _row(gateway: Gateway, fax: Fax) -> dict[str, Any]:
    return {
        "id": fax.id,
        "time": fax.created,
        "direction": fax.direction,
        "sender": fax.request.sender,
        "to": fax.to,
        "status": fax.status.value,
        "sent": fax.pages_sent,
        "pages": fax.document.pages,
        "error": _error(fax),
        "printed": gateway.archive.printed_pages(fax),
    }


def _error(fax: Fax) -> str:
    if fax.ending is None or fax.ending.delivered:
        return ""
    return f"{fax.ending.error_type} {fax.ending.error_code}: {fax.ending.message}"
