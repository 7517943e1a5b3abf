"""What the gateway tells a callback URL, and how it is posted (Sinch Fax API v3, unsigned).

A webhook is a claim that anybody could have made: the receiver has to read the fax again.
"""

import asyncio
import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2

from simulators.fax_gateway.behaviour import Webhooks
from simulators.fax_gateway.fax import Fax, WebhookPost, timestamp

ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Claim:
    """One webhook to send: what it says of the fax, true or not."""

    event: str
    at: datetime
    fax: dict[str, Any]
    forged: bool = False


def claims(how: Webhooks, truth: dict[str, Any], completed: datetime) -> list[Claim]:
    """Say what a finished fax's callback URL is told, in this order."""
    told = Claim("FAX_COMPLETED", completed, truth)
    stale = {**truth, "status": "IN_PROGRESS", "pagesSentSuccessfully": 0}
    for final in ("completedTime", "price", "errorType", "errorCode", "errorMessage"):
        stale.pop(final, None)
    began = datetime.fromisoformat(truth["createTime"])
    return {
        Webhooks.ONCE: [told],
        Webhooks.TWICE: [told, told],
        Webhooks.STALE_LAST: [told, Claim("FAX_COMPLETED", began, stale)],
        Webhooks.NEVER: [],
        Webhooks.FORGED: [Claim("FAX_COMPLETED", completed, _forged(truth), forged=True)],
    }[how]


def _forged(truth: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in truth.items() if not name.startswith("error")}
    return {**kept, "status": "COMPLETED", "pagesSentSuccessfully": truth["numberOfPages"]}


class WebhookSender:
    """Posts claims; tries again when the receiver does not answer 2xx."""

    def __init__(self, *, retry_after: float) -> None:
        self.retry_after = retry_after
        self._client = httpx2.AsyncClient(timeout=10, trust_env=False)

    async def post(self, fax: Fax, claim: Claim) -> None:
        """Post one claim up to three times and note each answer on the fax."""
        for attempt in range(1, ATTEMPTS + 1):
            answer = await self._post_once(fax, claim)
            status = str(claim.fax["status"])
            fax.webhooks.append(WebhookPost(datetime.now(UTC), status, answer, claim.forged))
            if 200 <= answer < 300:
                return
            if attempt < ATTEMPTS:
                await asyncio.sleep(self.retry_after)

    async def _post_once(self, fax: Fax, claim: Claim) -> int:
        request = self._client.build_request(
            "POST", fax.request.callback_url or "", **_body(fax, claim)
        )
        try:
            return (await self._client.send(request)).status_code
        except httpx2.TransportError:
            return 0

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()


def _body(fax: Fax, claim: Claim) -> dict[str, Any]:
    about = {"event": claim.event, "eventTime": timestamp(claim.at)}
    content = fax.document.content
    if fax.request.callback_url_content_type == "application/json":
        file = base64.b64encode(content).decode("ascii")
        return {"json": {**about, "fax": claim.fax, "file": file, "fileType": "PDF"}}
    fields = {**about, "fax": json.dumps(claim.fax)}
    return {"data": fields, "files": {"file": (f"{fax.id}.pdf", content, "application/pdf")}}
