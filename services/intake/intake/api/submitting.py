"""Submitting a referral: requests that come together share one transaction and its statements."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request, Response

from common import answers, tracing
from common.answers import Asked
from common.errors import FieldError, Invalid
from common.groupcommit import GroupCommit
from common.idempotency import alone, asked_of
from common.rows import Rows, insert_all
from common.service import Runtime
from intake.api import views
from intake.api.counted import Counted
from intake.api.given import Actor, IdempotencyKey, base_of, desk, etag
from intake.api.plainly import ReadPlainly
from intake.api.refusals import SUBMITTING
from intake.api.shapes import ReferralOut
from intake.api.submission import SubmissionIn
from intake.handlers import arrive
from intake.handlers.arrive import Order
from intake.handlers.desk import Desk
from intake.handlers.submit import submit
from intake.store import clinics


class Submitting(Counted, ReadPlainly):
    """Reads what is posted plainly, and counts it."""


router = APIRouter(prefix="/v1/referrals", tags=["referrals"], route_class=Submitting)


@dataclass(frozen=True, slots=True, eq=False)
class Posted:
    """A submission as it was posted; `asked` when it may be repeated."""

    body: SubmissionIn
    clinic_id: str
    desk: Desk
    base: str
    asked: Asked | None
    traceparent: str | None

    def order(self, now: datetime) -> Order:
        """Return what is submitted, if it is taken now."""
        received_at = min(self.body.received_at or now, now)
        trace = self.traceparent
        place = self.asked.place if self.asked else None
        return Order(self.desk, self.body, self.clinic_id, "rest", received_at, trace, place=place)


Answer = Response | Exception | None
"""An exception is raised to the caller; None: it must be looked at alone."""

MOST = 64
"""Submissions in one transaction: more only made the first of them wait longer, when measured."""


class Door:
    """Keeps submissions together; each is answered after the commit."""

    def __init__(self, runtime: Runtime) -> None:
        """Open in a service's runtime."""
        self._runtime = runtime
        self._together: GroupCommit[Posted, Answer] = GroupCommit(
            self._commit, lambda _, error: error, most=MOST
        )

    async def answer(self, posted: Posted) -> Response:
        """Return the answer to a submission, which is kept by then."""
        answer = await self._together.answer(posted)
        if isinstance(answer, Exception):
            raise answer
        return answer or await self._look(posted)

    async def _commit(self, batch: Sequence[Posted]) -> list[Answer]:
        """Keep what is plainly new."""
        runtime, now = self._runtime, self._runtime.clock()
        async with runtime.db.begin() as tx:
            ids = {posted.clinic_id for posted in batch}
            contacts = await clinics.one_at_a_time(tx, runtime.sealer, ids)
            known = {posted: posted.order(now) for posted in batch if posted.clinic_id in contacts}
            free = await arrive.plainly_new(tx, list(known.values()))
            plain = {posted: free_id for posted, free_id in zip(known, free) if free_id}
            orders = [known[posted] for posted in plain]
            arrived = arrive.decide_all(orders, list(plain.values()), contacts, now=now)
            new = {p: _created(views.newcomer(n, p.base)) for p, n in zip(plain, arrived)}
            await arrive.keep_all(tx, runtime.sealer, arrived, _kept(new, runtime, now), now=now)
        return [new.get(posted) for posted in batch]

    async def _look(self, posted: Posted) -> Response:
        """Take a submission that may be a repeat of what is there, in a transaction of its own."""
        runtime, now = self._runtime, self._runtime.clock()
        async with runtime.db.begin() as tx:
            if posted.asked and (before := await answers.find(tx, posted.asked, runtime.sealer)):
                return before
            if not await clinics.is_registered(tx, posted.clinic_id):
                raise _no_clinic()
            order = posted.order(now)
            submitted = await submit(tx, order, now=now)
            view = await views.referral(tx, order.desk, submitted.referral.id, posted.base)
            response = _created(view, status=201 if submitted.is_new else 200)
            await insert_all(tx, _kept({posted: response}, runtime, now))
            return response


def _kept(new: dict[Posted, Response], runtime: Runtime, now: datetime) -> Rows:
    """Return the rows of answers that may be asked for again."""
    answered = [(posted.asked, response) for posted, response in new.items() if posted.asked]
    return answers.rows_of(answered, runtime.sealer, now=now)


def _created(view: ReferralOut, status: int = 201) -> Response:
    headers = {"Location": view.links["self"], "ETag": etag(view.version)}
    body = view.model_dump_json()
    return Response(body, status, headers, media_type="application/json")


def _no_clinic() -> Invalid:
    fault = FieldError("/clinic_id", "name a registered clinic (GET /v1/clinics)")
    return Invalid("a referral belongs to a registered clinic", errors=[fault])


@router.post(
    "",
    status_code=201,
    summary="Submit a referral",
    response_model=ReferralOut,
    responses=SUBMITTING
    | {200: {"model": ReferralOut, "description": "An open or active referral has this number"}},
)
async def post(
    body: SubmissionIn, request: Request, _key: IdempotencyKey = None, actor: Actor = "api"
) -> Response:
    """Take a referral in.

    What is missing or doubtful does not refuse it: it is listed in `findings`, and what blocks is
    asked of the clinic (`information_needed`). An order that is open or filled (same `external_ids`)
    answers 200 with the referral that is there, unless its patient is surely another one.
    """
    if body.clinic_id is None or "\0" in body.clinic_id:
        raise _no_clinic()
    # No Depends here: FastAPI takes as long over four of them as the rest of it over a request.
    door: Door = request.app.state.door
    at_desk, base = await desk(request, actor), await base_of(request)
    asked = await asked_of(request)
    posted = Posted(body, body.clinic_id, at_desk, base, asked, tracing.current())
    if asked is None:
        return await door.answer(posted)
    return await alone(request, asked, lambda: door.answer(posted))
