"""What EMRs ask for: a referral, a change of one, its cancellation; and what nobody could read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import takewhile
from uuid import UUID

from common import tracing
from common.database import Transaction
from common.events.emr import CancellationSubmitted, ReferralSubmitted, ReviewRequested
from common.events.people import Contact
from common.events.submission import Submission
from common.verdicts import Heard
from intake.domain.commands import Command, refusal
from intake.domain.endings import request_cancellation
from intake.domain.reasons import CancelReason
from intake.domain.referral import LIVE
from intake.handlers import arrive, heard, papers, record, review
from intake.handlers.arrive import Order
from intake.handlers.desk import Desk
from intake.handlers.review import Doubt
from intake.handlers.submit import submit
from intake.store import clinics, external_ids, referrals

CHANGE_UNMATCHED = "change_unmatched"


@dataclass(frozen=True)
class Said:
    """A submission as a message said it; its sender is at the desk."""

    event: ReferralSubmitted
    submission: Submission
    desk: Desk
    traceparent: str | None

    @property
    def clinic_id(self) -> str:
        """Whose order it is; blank where nobody knows."""
        return self.event.clinic_id or self.submission.clinic_id or ""

    @cached_property
    def order(self) -> Order:
        """What is to be taken in."""
        event, said = self.event, self.submission
        at, door = said.received_at or event.occurred_at, heard.door_of(event.message_type)
        whence = (self.traceparent, event.places, event.deleted)
        return Order(self.desk, said, self.clinic_id, door, at, *whence)


async def take_submissions(
    tx: Transaction, desk: Desk, told: Sequence[Heard[ReferralSubmitted]], now: datetime
) -> None:
    """Make referrals of messages, each once, in their order.

    What is plainly new is written together, up to the first that is not: it is looked at alone,
    before any that came behind it.
    """
    said = await _first_said(tx, desk, told, now=now)
    ids = {one.clinic_id for one in said}
    contacts = await clinics.one_at_a_time(tx, desk.sealer, ids) if ids else {}
    while said:
        free = await _plainly_new(tx, said, contacts)
        plain = said[: len(free)]
        new = arrive.decide_all([one.order for one in plain], free, contacts, now=now)
        await arrive.keep_all(tx, desk.sealer, new, now=now)
        await _keep_beside(tx, desk, list(zip(plain, free, strict=True)), now=now)
        for one in said[len(plain) : len(plain) + 1]:
            with tracing.span("take in alone", parent=one.traceparent, door=one.order.door):
                await _take_alone(tx, one, is_known_clinic=one.clinic_id in contacts, now=now)
        said = said[len(plain) + 1 :]


async def _first_said(
    tx: Transaction, desk: Desk, told: Sequence[Heard[ReferralSubmitted]], *, now: datetime
) -> list[Said]:
    """Open what was said, once for each message."""
    opened = [(one, heard.opened(desk, one.event, Submission)) for one in told]
    desks = await heard.first_of(tx, desk, [one.event for one in told], now=now)
    return [
        Said(event, submission, at_desk, trace)
        for (event, trace), submission in opened
        if (at_desk := desks.pop(event.message_id, None))
    ]


async def _plainly_new(
    tx: Transaction, said: Sequence[Said], contacts: Mapping[str, Contact | None]
) -> list[UUID]:
    """Return a free id for each, from the first on, that can only be a new referral."""
    able = takewhile(lambda one: one.event.purpose == "new" and one.clinic_id in contacts, said)
    free = await arrive.plainly_new(tx, [one.order for one in able])
    return [one for one in takewhile(bool, free) if one]


async def _take_alone(tx: Transaction, said: Said, *, is_known_clinic: bool, now: datetime) -> None:
    """Take what may be a repeat or a change; without a known clinic it goes to a person.

    So does a change of what we do not have: it may be a referral that never arrived.
    """
    event, submission, desk = said.event, said.submission, said.desk
    if not is_known_clinic:
        await review.of_unknown_clinic(tx, desk, event, submission, now=now)
    elif event.purpose == "change" and not await _is_known(tx, said.clinic_id, submission):
        doubt = Doubt(CHANGE_UNMATCHED, submission)
        await review.of_interpreted(tx, desk, event, doubt, now=now)
    else:
        submitted = await submit(tx, said.order, now=now)
        await _keep_beside(tx, desk, [(said, submitted.referral.id)], now=now)


async def _keep_beside(
    tx: Transaction, desk: Desk, taken: Sequence[tuple[Said, UUID]], *, now: datetime
) -> None:
    """Keep what messages brought beside their orders: where values stood, and documents."""
    read = [(one.desk, to, one.event) for one, to in taken]
    await heard.note_read(tx, desk.sealer, read, now=now)
    for one, to in taken:
        await papers.attach(tx, one.desk, to, one.event.message_id, one.event.papers, now=now)


async def _is_known(tx: Transaction, clinic_id: str, submission: Submission) -> bool:
    ids = submission.external_ids
    return bool(await external_ids.find(tx, clinic_id, ids, among=LIVE))


async def take_cancellation(
    tx: Transaction, desk: Desk, event: CancellationSubmitted, now: datetime
) -> None:
    """Ask for the cancellation of the referral with that number; what fits none goes to a person."""
    at_desk = await heard.again(tx, desk, event.sender, event.message_id, now=now)
    clinic_id, number = event.clinic_id, event.external_id
    found = await external_ids.find_meant(tx, clinic_id, number) if clinic_id else []
    if len(found) != 1:
        reason = "cancellation_ambiguous" if found else "cancellation_unmatched"
        await review.of_cancellation(tx, at_desk, event, reason, now=now)
        return
    kept = await referrals.get(tx, desk.sealer, found[0], for_update=True)
    if kept.referral.is_cancellation_requested:
        facts = {"external": True}
        await record.note(tx, at_desk, found[0], "cancellation.repeated", facts=facts, now=now)
    elif refusal(kept.referral, Command.REQUEST_CANCELLATION):
        await review.of_cancellation(tx, at_desk, event, "cancellation_after_end", now=now)
    else:
        decided = request_cancellation(kept.referral, CancelReason.PRESCRIBER_WITHDREW, now=now)
        await record.keep(tx, at_desk, kept, decided, now=now)


async def take_review(tx: Transaction, desk: Desk, event: ReviewRequested, now: datetime) -> None:
    """Put a message that cannot be read before a person."""
    await heard.again(tx, desk, event.sender, event.message_id, now=now)
    await review.of_message(tx, desk, event, now=now)
