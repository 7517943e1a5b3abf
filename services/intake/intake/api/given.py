"""What endpoints are given: the desk with its actor, the transaction, the referral that is meant."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Request, Response

from common.database import Transaction
from common.dependencies import Now, Tx
from intake.api import views
from intake.api.shapes import ReferralOut
from intake.domain.referral import Decided
from intake.handlers import record
from intake.handlers.card import Said
from intake.handlers.desk import Desk
from intake.handlers.record import Target, Versions

VERSION = re.compile(r'(?:W/)?"(\d{1,9})"')
"""Our ETag; also as a proxy that compresses answers weakens it: a version is the same either way."""

Actor = Annotated[
    str,
    Header(
        alias="X-Actor",
        max_length=200,
        min_length=1,
        description="Who does this, as the timeline shall name them",
        examples=["nurse.reed"],
    ),
]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        description="The ETag that was seen last, or a list; when none is current the answer is 412",
        examples=["*"],
    ),
]


async def desk(request: Request, actor: Actor = "api") -> Desk:
    """Return the desk with the caller at it."""
    given: Desk = request.app.state.desk
    return given.of(actor)


DeskDep = Annotated[Desk, Depends(desk)]


def versions_of(if_match: str | None) -> Versions | None:
    """Return the versions in an If-Match, of which ETags of others are none; None when any will do."""
    if if_match is None or if_match.strip() == "*":
        return None
    tags = (VERSION.fullmatch(tag.strip()) for tag in if_match.split(","))
    return frozenset(int(tag[1]) for tag in tags if tag)


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="idempotency-key",
        min_length=1,
        max_length=255,
        description="The same key and body again get the same answer again, and one effect",
    ),
]


async def repeatable(_key: IdempotencyKey = None) -> None:
    """Document the header of endpoints that may be repeated."""


REPEATABLE = [Depends(repeatable)]


def etag(version: int) -> str:
    """Return a version as an ETag."""
    return f'"{version}"'


async def base_of(request: Request) -> str:
    """Return the path below which this API is mounted."""
    root: str = request.scope.get("root_path", "")
    return root.rstrip("/")


Base = Annotated[str, Depends(base_of)]


@dataclass(frozen=True, slots=True)
class Order:
    """One command to one referral: what it needs, and how it is answered."""

    tx: Transaction
    desk: Desk
    target: Target
    base: str
    response: Response
    now: datetime

    async def carry_out(
        self, decide: Callable[..., Decided], note: str | None = None
    ) -> ReferralOut:
        """Let the referral decide (given itself and `now`), keep it, and answer."""
        now = self.now
        await record.change(
            self.tx,
            self.desk,
            self.target,
            lambda referral: decide(referral, now=now),
            said=Said(note),
            now=now,
        )
        return await self.answer()

    async def answer(self) -> ReferralOut:
        """Return the referral as it is now, with its ETag."""
        view = await views.referral(self.tx, self.desk, self.target.referral_id, self.base)
        self.response.headers["ETag"] = etag(view.version)
        return view


async def order(
    referral_id: UUID,
    tx: Tx,
    now: Now,
    at_desk: DeskDep,
    base: Base,
    response: Response,
    if_match: IfMatch = None,
) -> Order:
    """Put together what a command needs."""
    target = Target(referral_id, versions_of(if_match))
    return Order(tx, at_desk, target, base, response, now)


OrderDep = Annotated[Order, Depends(order, scope="function")]
