"""What partners implement: the webhook that we post to them. It documents; nothing calls it here."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response

from notifications.channels.webhook import LONGEST_WAIT, SCHEDULE, THROTTLED
from notifications.channels.webhook_body import WebhookBody

router = APIRouter(tags=["partner"])

DAY_HOURS = LONGEST_WAIT.total_seconds() / 3600


def in_words(span: timedelta) -> str:
    """Return a wait as people say it."""
    seconds = int(span.total_seconds())
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


WHEN = ", ".join(in_words(at) for at in SCHEDULE if at)

DESCRIPTION = f"""
Posted to the clinic's `webhook.url` for each update, signed as Standard Webhooks 1.0.0 describes: verify
`webhook-signature` over `webhook-id`, `webhook-timestamp` and the body's bytes with the clinic's secret,
before the body is believed.

Answer 2xx once you have kept it: that is the confirmation, and nothing in the answer's body is read. Redirects
are not followed. Anything else is tried again {WHEN} after the first attempt,
a little later each; then the clinic is told by its next channel. A promise that runs out of time brings that in earlier.
`webhook-id` is the same for each attempt: know a repeat by it. Addresses are https on port 443 or 8443.
"""

THROTTLING = "Tried again when `Retry-After` says (seconds or a date), {:.0f} hours later at most"

ANSWERS: dict[int | str, dict[str, Any]] = {
    "2XX": {"description": "The same"},
    410: {"description": "You want no more: the endpoint is disabled until a person enables it"},
    **{status: {"description": THROTTLING.format(DAY_HOURS)} for status in sorted(THROTTLED)},
    "default": {"description": "Tried again by the schedule"},
}


@router.post(
    "notice",
    summary="An update of a referral",
    description=DESCRIPTION,
    status_code=204,
    operation_id="notice",
    response_description="You have it: the delivery is confirmed",
    response_class=Response,
    responses=ANSWERS,
)
def notice(
    body: WebhookBody,
    webhook_id: Annotated[str, Header(description="The delivery; the same for each attempt")],
    webhook_timestamp: Annotated[
        str, Header(description="Seconds since 1970 of this attempt: refuse one that is too old")
    ],
    webhook_signature: Annotated[str, Header(description="`v1,` and the base64 of an HMAC-SHA256")],
    traceparent: Annotated[
        str | None, Header(description="W3C Trace Context of the delivery")
    ] = None,
) -> None:
    """Describe what a partner takes."""
