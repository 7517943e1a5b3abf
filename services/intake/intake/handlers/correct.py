"""Taking corrections of what a clinic said: merged, checked again, and what is settled told."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import zip_longest
from typing import Any

from common.database import Transaction
from common.events.submission import Submission
from intake.domain import completeness, information
from intake.domain.details import Details
from intake.domain.findings import DUPLICATE, Finding, Known, blocking, check
from intake.domain.referral import Referral
from intake.handlers import record
from intake.handlers.card import Said
from intake.handlers.desk import Desk
from intake.store import external_ids, findings, patient_numbers
from intake.store.referrals import Kept, Origin

NO_CORRECTION = {"clinic_id", "received_at", "notes", "documents"}
"""A correction does not change whose referral it is, nor when it came; words and papers are no fields."""


def what_is_said(submission: Submission) -> dict[str, Any]:
    """Return the fields that the sender filled in; empty ones, and an unknown sex, say nothing."""
    said = submission.model_dump(mode="json", exclude_unset=True, exclude=NO_CORRECTION)
    if said.get("patient", {}).get("sex") == "unknown":
        del said["patient"]["sex"]
    kept: dict[str, Any] = _without_empty(said)
    return kept


def updated(before: Submission, submission: Submission, deleted: Iterable[str] = ()) -> Submission:
    """Return what is known after a sender says it again: what is left out stays, `deleted` goes.

    `deleted` are JSON pointers. An insurance of the same payer is completed, another replaces it.
    """
    said = what_is_said(submission)
    known = before.model_dump(mode="json")
    if "coverages" in said:
        pairs = zip_longest(said["coverages"], known["coverages"][: len(said["coverages"])])
        said["coverages"] = [_completed(one, other or {}) for one, other in pairs]
    after = _merged(known, said)
    for pointer in deleted:
        _delete(after, pointer.strip("/").split("/"))
    return Submission.model_validate(after)


def _completed(said: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    said = _without_empty(said)
    payers = [(one.get("payer") or "").casefold() for one in (said, known)]
    return known | said if not payers[0] or payers[0] == payers[1] else said


def _delete(known: Any, path: Sequence[str]) -> None:
    """Take a value away; what is not there is passed over."""
    *parents, name = path
    holder = _at(known, "/".join(parents)) if parents else known
    if isinstance(holder, dict):
        holder.pop(name, None)


def merge(before: Submission, said: Mapping[str, Any]) -> Submission:
    """Return the submission with the said fields in place of the old; lists are replaced as a whole."""
    return Submission.model_validate(_merged(before.model_dump(mode="json"), said))


def forget_places(details: Details, after: Submission) -> Details:
    """Return the details without the places of values that no longer are what a message said."""
    before, now = details.submission.model_dump(mode="json"), after.model_dump(mode="json")
    places = {p: place for p, place in details.places.items() if _at(before, p) == _at(now, p)}
    return details.model_copy(update={"places": places})


def _at(known: Any, pointer: str) -> Any:
    """Return the value at a JSON pointer, None where there is none."""
    for step in pointer.strip("/").split("/"):
        if isinstance(known, list):
            known = known[int(step)] if step.isdigit() and int(step) < len(known) else None
        else:
            known = known.get(step) if isinstance(known, dict) else None
    return known


async def take(
    tx: Transaction,
    desk: Desk,
    kept: Kept,
    submission: Submission,
    *,
    questions: tuple[str, ...],
    said: Said | None = None,
    now: datetime,
) -> Referral:
    """Keep a corrected submission, the findings that it settles or brings, and the open questions."""
    made = check(submission, Known(now.date(), desk.diagnoses))
    settled, missing = await _settle(tx, kept.referral, made, now=now)
    decided = information.provide(
        kept.referral,
        answered=_codes(settled),
        missing=_codes(missing),
        is_asked=bool(questions),
        now=now,
    )
    details = kept.details.model_copy(update={"submission": submission, "questions": questions})
    corrected = replace(kept, details=details, origin=_scored(kept, made))
    clinic_id, referral_id = kept.referral.clinic_id, kept.referral.id
    await external_ids.add(tx, clinic_id, referral_id, submission.external_ids)
    numbers = submission.patient.identifiers
    await patient_numbers.put(tx, desk.sealer, clinic_id, referral_id, numbers)
    return await record.keep(tx, desk, corrected, decided, said=said, now=now)


async def _settle(
    tx: Transaction, referral: Referral, made: Sequence[Finding], *, now: datetime
) -> tuple[Sequence[Finding], Sequence[Finding]]:
    """Return what is settled and what still blocks. A likeness to another referral stays open."""
    known = await findings.still_open(tx, referral.id)
    settled = [one for one in known if one not in made and one.code != DUPLICATE]
    await findings.settle(tx, referral.id, settled, now=now)
    await findings.add(tx, referral.id, [one for one in made if one not in known], now=now)
    return settled, blocking(made)


def _scored(kept: Kept, made: Sequence[Finding]) -> Origin:
    return replace(kept.origin, completeness=completeness.score(made))


def _codes(made: Sequence[Finding]) -> list[str]:
    return [finding.code for finding in made]


def _merged(before: Any, said: Any) -> Any:
    if isinstance(before, dict) and isinstance(said, Mapping):
        return before | {name: _merged(before.get(name), value) for name, value in said.items()}
    return said


def _without_empty(said: Any) -> Any:
    if not isinstance(said, dict):
        return said
    kept = {name: _without_empty(value) for name, value in said.items()}
    return {name: value for name, value in kept.items() if value not in (None, {}, [], "")}
