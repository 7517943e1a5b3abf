"""Asking the clinic questions, and taking its answer: corrected fields, notes, documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from common.database import Transaction
from common.errors import FieldError, Invalid
from common.events.referral import WaitingOn
from intake.domain import information
from intake.domain.commands import Command, require
from intake.domain.findings import blocking
from intake.domain.referral import Referral
from intake.handlers import correct, file, record
from intake.handlers.card import Said
from intake.handlers.desk import Desk
from intake.handlers.file import Upload
from intake.handlers.record import Target
from intake.store import findings


@dataclass(frozen=True, slots=True)
class Answer:
    """What the clinic sends: fields to correct, words, papers; and whose referral it takes it to be."""

    clinic_id: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    notes: str | None = None
    documents: Sequence[Upload] = ()


async def request(
    tx: Transaction,
    desk: Desk,
    target: Target,
    *,
    questions: Sequence[str],
    waits: WaitingOn,
    respond_by: datetime | None,
    now: datetime,
) -> Referral:
    """Ask free questions; the referral waits and comes back to its stage when they are answered."""
    kept = await record.fetch(tx, desk, target)
    missing = [f.code for f in blocking(await findings.still_open(tx, kept.referral.id))]
    decided = information.request(
        kept.referral, missing=missing, waits=waits, respond_by=respond_by, now=now
    )
    asked = (*kept.questions, *questions)
    details = kept.details.model_copy(update={"questions": asked})
    return await record.keep(tx, desk, replace(kept, details=details), decided, now=now)


async def provide(
    tx: Transaction, desk: Desk, target: Target, answer: Answer, *, now: datetime
) -> Referral:
    """Take the answer; what is still missing is named and asked for again."""
    kept = await record.fetch(tx, desk, target)
    require(kept.referral, Command.PROVIDE_INFORMATION)
    if answer.clinic_id not in {None, kept.referral.clinic_id}:
        fault = FieldError("/clinic_id", "is not the referral's; leave it out")
        raise Invalid("an answer does not change whose referral it is", errors=[fault])
    if not (answer.fields or answer.notes or answer.documents):
        raise Invalid("the answer is empty; send fields, notes or documents")
    for upload in answer.documents:
        await file.store(tx, desk, kept.referral.id, upload, now=now)
    merged = correct.merge(kept.details.submission, answer.fields)
    said = Said(answer.notes)
    kept = replace(kept, details=correct.forget_places(kept.details, merged))
    return await correct.take(tx, desk, kept, merged, questions=(), said=said, now=now)
