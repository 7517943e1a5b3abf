"""Results and documents that a clinic sends: filed with the referral that they belong to."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from common.database import Transaction
from common.events.emr import DocumentsSubmitted
from common.events.submission import Lab, Submission
from intake.handlers import heard, meant, papers, record, review
from intake.handlers.desk import Desk
from intake.handlers.record import Amendment
from intake.handlers.review import Doubt
from intake.store.referrals import Kept

ATTACHED = "results.attached"
UNMATCHED = "document_unmatched"
AMBIGUOUS = "document_ambiguous"
REVIEWS = frozenset({UNMATCHED, AMBIGUOUS})
"""Reviews that hold results or documents: they are resolved by naming the referral."""

MOST_LABS = 2_000
"""Of one referral; where there are more the newest are kept."""


async def take(tx: Transaction, desk: Desk, event: DocumentsSubmitted, now: datetime) -> None:
    """File what a message brings; what belongs to none, or to several, goes to a person."""
    at_desk = await heard.first(tx, desk, event, now=now)
    if at_desk is None:
        return
    submission = heard.opened(at_desk, event, Submission)
    clinic_id = event.clinic_id
    found = await meant.by_submission(tx, at_desk, clinic_id, submission) if clinic_id else []
    if len(found) != 1:
        reason = AMBIGUOUS if found else UNMATCHED
        await review.of_interpreted(tx, at_desk, event, Doubt(reason, submission), now=now)
        return
    await attach(tx, at_desk, found[0], submission, facts=heard.told(event), now=now)
    await papers.attach(tx, at_desk, found[0].referral.id, event.message_id, event.papers, now=now)


async def attach(
    tx: Transaction,
    desk: Desk,
    kept: Kept,
    submission: Submission,
    *,
    facts: Mapping[str, Any],
    now: datetime,
) -> None:
    """Add results to what is known, notes to the timeline. No status moves by it."""
    said, known = submission.clinicals, kept.details.submission
    new = _new(known.clinicals.labs, said.labs)
    counted = {"labs": len(new)}
    labs = (*known.clinicals.labs, *new)[-MOST_LABS:]
    clinicals = known.clinicals.model_copy(update={"labs": labs})
    submission = known.model_copy(update={"clinicals": clinicals})
    details = kept.details.model_copy(update={"submission": submission})
    entry = Amendment(ATTACHED, details, dict(facts) | counted, said.notes)
    await record.amend(tx, desk, kept, entry, now=now)


def _new(known: Iterable[Lab], said: Iterable[Lab]) -> list[Lab]:
    """Return the results that are not known yet, each once and in their order."""
    before = set(known)
    return [lab for lab in dict.fromkeys(said) if lab not in before]
