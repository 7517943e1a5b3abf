"""What EMRs ask for: a referral, a change of one, its cancellation; and what nobody could read."""

from datetime import datetime

from common.database import Transaction
from common.events.emr import CancellationSubmitted, ReferralSubmitted, ReviewRequested
from common.events.submission import Submission
from intake.domain.commands import Command, refusal
from intake.domain.endings import request_cancellation
from intake.domain.reasons import CancelReason
from intake.domain.referral import LIVE
from intake.handlers import heard, papers, record, review
from intake.handlers.arrive import Order
from intake.handlers.desk import Desk
from intake.handlers.review import Doubt
from intake.handlers.submit import submit
from intake.store import clinics, external_ids, referrals

CHANGE_UNMATCHED = "change_unmatched"


async def take_submission(
    tx: Transaction, desk: Desk, event: ReferralSubmitted, now: datetime
) -> None:
    """Make a referral of a message, once; without a known clinic it goes to a person.

    So does a change of what we do not have: it may be a referral that never arrived.
    """
    submission = heard.opened(desk, event, Submission)
    at_desk = await heard.first(tx, desk, event, now=now)
    if at_desk is None:
        return
    clinic_id = event.clinic_id or submission.clinic_id
    if clinic_id is None or not await clinics.is_registered(tx, clinic_id):
        await review.of_unknown_clinic(tx, at_desk, event, submission, now=now)
        return
    if event.purpose == "change" and not await _is_known(tx, clinic_id, submission):
        doubt = Doubt(CHANGE_UNMATCHED, submission)
        await review.of_interpreted(tx, at_desk, event, doubt, now=now)
        return
    at = submission.received_at or event.occurred_at
    door = heard.door_of(event.message_type)
    order = Order(at_desk, submission, clinic_id, door, at, None, event.places, event.deleted)
    submitted = await submit(tx, order, now=now)
    referral_id = submitted.referral.id
    if event.places:
        await heard.note_read(tx, at_desk, referral_id, event, now=now)
    await papers.attach(tx, at_desk, referral_id, event.message_id, event.papers, now=now)


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
