"""The webhook channel: Standard Webhooks 1.0.0, thin payload, signed by the reference library."""

import asyncio
import email.utils
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final

import httpx2
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from common import tracing
from common.backoff import scheduled
from notifications.channels.destinations import Destinations, Forbidden
from notifications.channels.webhook_body import body_of
from notifications.domain.parcel import Parcel

SCHEDULE: Final = (
    *(timedelta(0), timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30)),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
"""When each attempt is due after the first. A promise at risk brings in the next channel long before."""

THROTTLED: Final = frozenset({429, 502, 503, 504})
LONGEST_WAIT: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The endpoint answered 2xx: it has the notice."""

    code: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """No 2xx. `wait` is what the endpoint asked for; `final`: trying again cannot help."""

    reason: str
    code: str | None = None
    wait: timedelta | None = None
    final: bool = False


def next_attempt(attempts: int) -> timedelta | None:
    """Return when the next attempt is due after the first, or None when all were made."""
    return scheduled(attempts, SCHEDULE)


def payload(parcel: Parcel, *, referral_url: str) -> bytes:
    """Return the body's bytes."""
    return body_of(parcel, referral_url=referral_url).model_dump_json().encode()


def signed_headers(parcel: Parcel, body: bytes, *, now: datetime) -> dict[str, str]:
    """Return the headers of one attempt; `webhook-id` is the same for every attempt."""
    webhook_id = str(parcel.delivery_id)
    signature = Webhook(parcel.secret or "").sign(webhook_id, now, body.decode())
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
        "content-type": "application/json",
        "user-agent": "referral-loop/1",
    }


@dataclass(frozen=True, slots=True)
class WebhookSender:
    """Posts notices. Redirects are not followed, answers are not read, private hosts not called."""

    client: httpx2.AsyncClient
    destinations: Destinations
    referral_url: str
    timeout_seconds: float = 15.0

    async def post(self, parcel: Parcel, *, now: datetime) -> Accepted | Rejected:
        """Post once and say what the endpoint answered; the network never raises here.

        `now` stands in the signature: the time on the wall, which receivers compare with theirs.
        """
        body = payload(parcel, referral_url=self.referral_url)
        try:
            headers = signed_headers(parcel, body, now=now)
        except (ValueError, EmptyWebhookSecretError):
            return Rejected("unusable_secret", final=True)
        try:
            # In all: the client's own time-outs begin anew with every byte that trickles in.
            async with asyncio.timeout(self.timeout_seconds):
                response = await self._send(parcel.destination, body, headers)
        except Forbidden as error:
            return Rejected("forbidden_destination", error.code)
        except (TimeoutError, httpx2.TimeoutException):
            return Rejected("timeout")
        except httpx2.HTTPError as error:
            return Rejected("unreachable", type(error).__name__)
        return judge(response.status_code, response.headers, now=now)

    async def _send(self, url: str, body: bytes, headers: dict[str, str]) -> httpx2.Response:
        target = await self.destinations.resolve(url)
        request = self.client.build_request(
            "POST",
            target.url,
            content=body,
            headers=headers | {"host": target.host} | tracing.carried(),
            timeout=self.timeout_seconds,
            extensions={"sni_hostname": target.server_name},
        )
        response = await self.client.send(request, stream=True, follow_redirects=False)
        await response.aclose()
        return response


def judge(status: int, headers: Mapping[str, str], *, now: datetime) -> Accepted | Rejected:
    """Return what an answer means: 2xx alone is success."""
    code = str(status)
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Accepted(code)
    if status == HTTPStatus.GONE:
        return Rejected("gone", code, final=True)
    if status in THROTTLED:
        return Rejected("throttled", code, wait=retry_after(headers.get("retry-after"), now=now))
    return Rejected("http_status", code)


def retry_after(value: str | None, *, now: datetime) -> timedelta | None:
    """Read a Retry-After header (seconds or a date, RFC 9110 10.2.3), a day at most."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return min(timedelta(seconds=int(value.strip()[:9])), LONGEST_WAIT)
    try:
        when = email.utils.parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return min(max(aware - now, timedelta(0)), LONGEST_WAIT)
