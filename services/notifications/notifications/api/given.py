"""What endpoints are given beside the runtime, and the headers that several of them read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Header, Request

from common.audit import Looker
from notifications.channels.letterhead import Letterhead
from notifications.handlers.means import Means

ReadCallback = Callable[[Mapping[str, str], bytes], str | None]
"""Reads from headers and body which of the gateway's faxes a callback is about."""


@dataclass(frozen=True, slots=True)
class Given:
    """The service's means, its letterhead, and the gateways that may call back."""

    means: Means
    letterhead: Letterhead
    callbacks: Mapping[str, ReadCallback] = field(default_factory=dict)
    callback_secret: str | None = field(default=None, repr=False)


async def given(request: Request) -> Given:
    """Return what the app was built with."""
    found: Given = request.app.state.given
    return found


GivenDep = Annotated[Given, Depends(given)]

_WHO = Header(
    alias="X-Actor",
    min_length=1,
    max_length=200,
    description="Who asks: the audit trail keeps it.",
    examples=["ops:r.smith"],
)

Actor = Annotated[str, _WHO]
"""Who changes something or reads patient data: never without a name."""

Reason = Annotated[
    str | None,
    Header(
        alias="X-Reason",
        min_length=3,
        max_length=500,
        description="Why patient data are read; kept, sealed, in the audit.",
        examples=["the clinic says that its page never came"],
    ),
]


async def looker(request: Request, actor: Actor, reason: Reason = None) -> Looker:
    """Return who reads patient data."""
    return Looker(actor, reason, request.client.host if request.client else None)


LookerDep = Annotated[Looker, Depends(looker)]
