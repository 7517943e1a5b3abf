"""Sinch Fax API v3: hands pages over, reads what became of them, and forgets their content.

Sinch signs no webhook, so nothing that it posts is believed: every answer comes from a read.
"""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import httpx2
import structlog

from common import tracing
from notifications.channels.fax.sinch_answers import fax_status, json_object, refusal
from notifications.ports import (
    FailureClass,
    FaxStatus,
    GatewayUnavailable,
    OutgoingFax,
    Refused,
    Submitted,
    Unknown,
)

log = structlog.get_logger()

BASE_URL: Final = "https://fax.api.sinch.com"
LABEL: Final = "our_id"
HEADER_LIMIT: Final = 50
PAGE_SIZE: Final = 100
PATIENCE_SECONDS: Final = 60.0
"""For one request in all: the client's own time-outs begin anew with every byte that trickles in."""
CLOCKS_MAY_DIFFER_BY: Final = timedelta(minutes=5)
SAYS_NOTHING: Final = frozenset({500, 502, 504})
"""A fault inside, or an answer that a proxy lost: the fax may have been taken all the same."""


@dataclass(frozen=True, slots=True)
class SinchAccount:
    """Whose faxes these are, from which number they come and where their end is told.

    `callback_url` may carry a secret path and Basic credentials: it is never logged.
    """

    project_id: str
    key_id: str
    key_secret: str
    from_number: str | None = None
    service_id: str | None = None
    callback_url: str | None = None


class SinchGateway:
    """The fax gateway of the port, at Sinch."""

    def __init__(
        self, http: httpx2.AsyncClient, account: SinchAccount, *, base_url: str = BASE_URL
    ) -> None:
        self._http = http
        self._account = account
        self._faxes = f"{base_url}/v3/projects/{account.project_id}/faxes"

    async def submit(self, fax: OutgoingFax) -> Submitted | Refused | Unknown:
        """Hand over a fax, once. What may have left without an answer is Unknown."""
        try:
            answer = await self._ask("POST", "", json=_order(fax, self._account))
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            # No connection, so no request: nothing can be on its way.
            return Refused(FailureClass.PROVIDER, code=type(error).__name__)
        except httpx2.TransportError as error:
            return _not_known(fax, type(error).__name__)
        return _receipt(fax, answer)

    async def get(self, gateway_id: str) -> FaxStatus:
        """Read one fax. Raises GatewayUnavailable when Sinch cannot say."""
        return fax_status(await self._read(f"/{gateway_id}"))

    async def find(self, our_id: UUID, *, to: str, since: datetime) -> FaxStatus | None:
        """Look for the fax that carries our id among those sent to a number since then."""
        earliest = (since - CLOCKS_MAY_DIFFER_BY).isoformat()
        query = {"direction": "OUTBOUND", "to": to, "createTime>": earliest}
        async for fax in self._list(query):
            if (fax.get("labels") or {}).get(LABEL) == str(our_id):
                return fax_status(fax)
        return None

    async def forget(self, gateway_id: str) -> None:
        """Delete the pages at Sinch, which would keep them for 13 months; gone already is well.

        Raises GatewayUnavailable when they could not be deleted.
        """
        answer = await self._try("DELETE", f"/{gateway_id}/file")
        if answer.status_code != httpx2.codes.NOT_FOUND and not answer.is_success:
            raise GatewayUnavailable(f"HTTP {answer.status_code}")

    async def _list(self, query: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
        page, pages = 1, 1
        while page <= pages:
            numbers = {"page": str(page), "pageSize": str(PAGE_SIZE)}
            answer = await self._read("", params={**query, **numbers})
            for fax in answer.get("faxes") or ():
                yield fax
            page, pages = page + 1, int(answer.get("totalPages") or 1)

    async def _read(self, path: str, *, params: dict[str, str] | None = None) -> dict[str, Any]:
        answer = await self._try("GET", path, params=params)
        content = json_object(answer)
        if not answer.is_success or content is None:
            raise GatewayUnavailable(f"HTTP {answer.status_code}")
        return content

    async def _try(self, method: str, path: str, **more: Any) -> httpx2.Response:
        try:
            return await self._ask(method, path, **more)
        except httpx2.TransportError as error:
            raise GatewayUnavailable(type(error).__name__) from error

    async def _ask(self, method: str, path: str, **more: Any) -> httpx2.Response:
        credentials = (self._account.key_id, self._account.key_secret)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self._http.request(
                    method,
                    self._faxes + path,
                    auth=credentials,
                    headers=tracing.carried(),
                    **more,
                )
        except TimeoutError as error:
            raise httpx2.ReadTimeout("the answer took too long in all") from error


def _order(fax: OutgoingFax, account: SinchAccount) -> dict[str, Any]:
    """Return the JSON form of a send: the only one in which `labels` has a documented shape."""
    pages = base64.b64encode(fax.pages_pdf).decode("ascii")
    order = {
        "to": fax.to,
        "files": [{"file": pages, "fileType": "PDF"}],
        "headerText": fax.header[:HEADER_LIMIT],
        "headerPageNumbers": True,
        # Our schedule counts the attempts; a redial of theirs would be one that nobody sees.
        "maxRetries": 0,
        "resolution": "FINE",
        "imageConversionMethod": "MONOCHROME",
        "labels": {LABEL: str(fax.our_id)},
        "from": account.from_number,
        "serviceId": account.service_id,
        "callbackUrl": account.callback_url,
    }
    return {name: value for name, value in order.items() if value is not None}


def _receipt(fax: OutgoingFax, answer: httpx2.Response) -> Submitted | Refused | Unknown:
    if answer.status_code in SAYS_NOTHING:
        return _not_known(fax, str(answer.status_code))
    if not answer.is_success:
        return refusal(answer)
    gateway_id = (json_object(answer) or {}).get("id")
    if not isinstance(gateway_id, str):
        return _not_known(fax, "no_id")
    log.info("fax_submitted", fax_id=str(fax.our_id), gateway_id=gateway_id, pages=fax.page_count)
    return Submitted(gateway_id)


def _not_known(fax: OutgoingFax, code: str) -> Unknown:
    log.warning("fax_submit_unanswered", fax_id=str(fax.our_id), code=code)
    return Unknown(code)
