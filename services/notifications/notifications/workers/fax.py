"""Sends faxes, looks up what was left without an answer, and asks what became of the rest.

Nothing is sent again before the gateway was asked; a callback only makes the question come sooner.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import RowMapping

from common import metrics, tracing
from common.clock import utc_now
from common.service import Runtime
from common.tracing import Kind, Span
from notifications.channels.fax.page import Unprintable
from notifications.channels.fax.retry import next_attempt
from notifications.channels.letterhead import Letterhead, page_of
from notifications.domain.delivery import DeliveryState
from notifications.handlers import receipts
from notifications.handlers.fail import UNPRINTABLE, Failure
from notifications.handlers.means import Means
from notifications.handlers.send import Outgoing
from notifications.ports import (
    FailureClass,
    FaxGateway,
    FaxState,
    FaxStatus,
    GatewayUnavailable,
    OutgoingFax,
    Refused,
    Submitted,
    Unknown,
)
from notifications.store import attempts
from notifications.workers.claiming import take_abandoned, take_ready, take_submitted
from notifications.workers.pace import Pace, retry_at, together, trace_of

log = structlog.get_logger()

NO_RESULT = Failure("no_result")
"""The gateway took the fax and never said what became of it."""

LEAST_QUESTIONS = 10
"""So often a gateway is asked before it is given up: time alone may be a clock that was put forward."""

FORGET_AGAIN_AFTER = timedelta(minutes=10)
"""When the gateway is asked again to delete pages that it did not delete."""

SEARCH_MARGIN = timedelta(days=1)
"""A look-up begins so much before the attempt: our clock may have been hours ahead of the gateway's."""


@dataclass(frozen=True, slots=True)
class FaxSender:
    """Claims faxes that are due, submits them and records the gateway's answer."""

    runtime: Runtime
    means: Means
    gateway: FaxGateway
    letterhead: Letterhead
    pace: Pace = field(default_factory=Pace)
    rendering: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def step(self) -> bool:
        """Send what is due; return whether there was anything."""
        outgoing = await take_ready(self.runtime, "fax", means=self.means, pace=self.pace)
        await together(self._send(one) for one in outgoing)
        return bool(outgoing)

    async def _send(self, outgoing: Outgoing) -> None:
        about = trace_of(outgoing.delivery)
        with tracing.span("submit fax", kind=Kind.CLIENT, **about) as span:
            try:
                fax = await self._fax(outgoing)
            except Unprintable as error:
                await self._give_up(outgoing.delivery, Failure(UNPRINTABLE, error.code))
                return
            if not await self._may_leave(outgoing.delivery):
                span.note(outcome="stale")
                return
            answer = await self.gateway.submit(fax)
            span.note(outcome=type(answer).__name__.lower())
            metrics.delivery_attempts.labels("fax", type(answer).__name__.lower()).inc()
            await self._record(outgoing.delivery, answer)

    async def _fax(self, outgoing: Outgoing) -> OutgoingFax:
        parcel = outgoing.parcel
        async with self.rendering:
            now = self.runtime.clock()
            page = await asyncio.to_thread(page_of, parcel, self.letterhead, now=now)
        return OutgoingFax(
            our_id=parcel.attempt_id,
            to=parcel.destination,
            pages_pdf=page.pdf,
            page_count=page.pages,
            header=self.letterhead.header(parcel.letter.notice.referral_code),
        )

    async def _may_leave(self, held: RowMapping) -> bool:
        """Hold it anew for the request; False when somebody else looks after it since.

        Laying out a page takes its time, and the clock may be put forward in it.
        """
        until = self.runtime.clock() + self.pace.lease
        async with self.runtime.db.begin() as tx:
            return await receipts.is_held_still(tx, held, until=until)

    async def _give_up(self, held: RowMapping, failure: Failure) -> None:
        """Nothing has left, and another attempt would end in the same way."""
        metrics.delivery_attempts.labels("fax", failure.reason).inc()
        log.error("fax_page_unprintable", delivery_id=str(held["id"]), code=failure.code)
        now = self.runtime.clock()
        async with self.runtime.db.begin() as tx:
            await receipts.failed(tx, held, failure, again_at=None, means=self.means, now=now)

    async def _record(self, held: RowMapping, answer: Submitted | Refused | Unknown) -> None:
        now = self.runtime.clock()
        async with self.runtime.db.begin() as tx:
            if isinstance(answer, Submitted):
                ask_at = now + self.pace.poll_after(0)
                await receipts.taken(tx, held, answer.gateway_id, ask_at=ask_at)
            elif isinstance(answer, Unknown):
                look_at = now + self.pace.look_up_after
                await receipts.unanswered(tx, held, answer.code, look_at=look_at)
            else:
                failure, at = Failure(answer.failure, answer.code), again_at(held, answer, now=now)
                await receipts.failed(tx, held, failure, again_at=at, means=self.means, now=now)


def again_at(held: RowMapping, answer: Refused, *, now: datetime) -> datetime | None:
    """Return when a refused fax is tried again: by the schedule, not before the gateway wishes."""
    delay = next_attempt(answer.failure, held["attempts"])
    at = retry_at(held["first_attempt_at"], delay, now=now)
    wish = timedelta(seconds=answer.retry_after_seconds or 0)
    return None if at is None else max(at, now + wish)


@dataclass(frozen=True, slots=True)
class FaxWatcher:
    """Asks the gateway: what became of each fax, and whether it ever took the unanswered ones."""

    runtime: Runtime
    means: Means
    gateway: FaxGateway
    pace: Pace = field(default_factory=Pace)

    async def step(self) -> bool:
        """Ask about what is due; return whether there was anything."""
        lost = await take_abandoned(self.runtime, "fax", pace=self.pace)
        await together(self._find(held) for held in lost)
        submitted = await take_submitted(self.runtime, "fax", pace=self.pace)
        await together(self._read(held) for held in submitted)
        return bool(lost or submitted)

    async def _find(self, held: RowMapping) -> None:
        with tracing.span("look up fax", kind=Kind.CLIENT, **trace_of(held)):
            await self._look_up(held)

    async def _look_up(self, held: RowMapping) -> None:
        """Look one up. What was being sent is looked up twice, a lease apart.

        A lease that ran out is no proof that nobody sends: the clock may have been put forward, and
        the gateway may get the fax in the next second.
        """
        since = min(held["first_attempt_at"], utc_now()) - SEARCH_MARGIN
        try:
            found = await self.gateway.find(held["attempt_id"], to=held["destination"], since=since)
        except GatewayUnavailable:
            await self._ask_again(held)
            return
        now = self.runtime.clock()
        async with self.runtime.db.begin() as tx:
            if found is not None:
                await receipts.taken(tx, held, found.gateway_id, ask_at=now)
                return
            if held["state"] == DeliveryState.SENDING:
                await receipts.ask_again(tx, held, at=now + self.pace.lease)
                return
            delay = next_attempt(FailureClass.PROVIDER, held["attempts"])
            at = retry_at(held["first_attempt_at"], delay, now=now)
            await receipts.failed(
                tx, held, receipts.NOT_TAKEN, again_at=at, means=self.means, now=now
            )

    async def _read(self, held: RowMapping) -> None:
        with tracing.span("ask about fax", kind=Kind.CLIENT, **trace_of(held)) as span:
            await self._ask(held, span)

    async def _ask(self, held: RowMapping, span: Span) -> None:
        try:
            status = await self.gateway.get(held["gateway_id"])
        except GatewayUnavailable:
            await self._ask_again(held)
            return
        span.note(state=status.state, code=status.code)
        if status.state in (FaxState.QUEUED, FaxState.SENDING):
            await self._ask_again(held)
            return
        await self._record(held, status)

    async def _record(self, held: RowMapping, status: FaxStatus) -> None:
        now = self.runtime.clock()
        delay = next_attempt(status.failure or FailureClass.OTHER, held["attempts"])
        at = retry_at(held["first_attempt_at"], delay, now=now)
        metrics.delivery_attempts.labels("fax", status.failure or status.state).inc()
        async with self.runtime.db.begin() as tx:
            await receipts.fax_reported(tx, held, status, again_at=at, means=self.means, now=now)

    async def _ask_again(self, held: RowMapping) -> None:
        """Ask later; a gateway that never knows an end is given up after the time-out."""
        now = self.runtime.clock()
        async with self.runtime.db.begin() as tx:
            attempt = await attempts.get(tx, held["attempt_id"])
            is_over = now - attempt["started_at"] >= self.pace.result_timeout
            if not is_over or held["polls"] < LEAST_QUESTIONS:
                at = now + self.pace.poll_after(held["polls"] + 1)
                await receipts.ask_again(tx, held, at=at)
            else:
                await receipts.failed(tx, held, NO_RESULT, again_at=None, means=self.means, now=now)


@dataclass(frozen=True, slots=True)
class FaxForgetter:
    """Has the gateway delete pages that are not needed there any more."""

    runtime: Runtime
    gateway: FaxGateway
    pace: Pace = field(default_factory=Pace)

    async def step(self) -> bool:
        """Delete the pages of ended attempts; return whether more may be left."""
        async with self.runtime.db.read() as tx:
            ended = await attempts.to_forget(tx, limit=self.pace.limit, now=self.runtime.clock())
        for row in ended:
            try:
                await self.gateway.forget(row["gateway_id"])
            except GatewayUnavailable:
                log.info("fax_pages_not_deleted_yet", gateway_id=row["gateway_id"])
                noted = {"forget_at": self.runtime.clock() + FORGET_AGAIN_AFTER}
            else:
                noted = {"forgotten_at": self.runtime.clock()}
            async with self.runtime.db.begin() as tx:
                await attempts.note(tx, row["id"], **noted)
        return bool(ended)
