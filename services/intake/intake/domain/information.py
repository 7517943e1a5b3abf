"""Receiving a referral, asking the clinic for what is missing, and taking its answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, TypeVar
from uuid import UUID

from common.events.referral import (
    InformationNeeded,
    InformationProvided,
    ReferralEvent,
    ReferralReceived,
    WaitingOn,
)
from intake.domain.commands import Command, require
from intake.domain.findings import Finding, blocking
from intake.domain.referral import Decided, Referral, Status

Door = Literal["rest", "hl7v2", "fhir", "script", "fax"]

Missing = TypeVar("Missing")

ASKED_BY_STAFF = "question"
"""What `missing` says of a free question; its words travel sealed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """How a referral came in and how complete it was found."""

    door: Door
    received_at: datetime
    findings: Sequence[Finding] = ()
    completeness: int = 100
    source_message_id: UUID | None = None


def receive(referral: Referral, arrival: Arrival, *, now: datetime) -> Decided:
    """Keep a new referral; what blocks is asked for at once."""
    received = referral.tell(
        ReferralReceived,
        now=now,
        door=arrival.door,
        received_at=arrival.received_at,
        source_message_id=arrival.source_message_id,
        completeness=arrival.completeness,
        findings=tuple(finding.code for finding in arrival.findings),
    )
    missing = [finding.code for finding in blocking(arrival.findings)]
    if not missing:
        return referral, (received,)
    asked, needed = _ask(referral, missing, waits="prescriber", respond_by=None, now=now)
    return asked, (received, needed)


def request(
    referral: Referral,
    *,
    missing: Sequence[str],
    waits: WaitingOn,
    respond_by: datetime | None,
    now: datetime,
) -> Decided:
    """Ask for more, in whatever stage; the referral comes back to that stage when it is answered."""
    require(referral, Command.REQUEST_INFORMATION)
    asked, needed = _ask(
        referral,
        _still_missing(referral, missing, is_asked=True),
        waits=waits,
        respond_by=respond_by,
        now=now,
    )
    return asked, (needed,)


def provide(
    referral: Referral,
    *,
    answered: Sequence[str],
    missing: Sequence[str],
    is_asked: bool,
    now: datetime,
) -> Decided:
    """Take what the clinic answered; go back, or stay and name what is still missing.

    Outside information_needed it is a correction: the status stays. `is_asked`: a question of
    staff stays open.
    """
    require(referral, Command.PROVIDE_INFORMATION)
    missing = _still_missing(referral, missing, is_asked=is_asked)
    after = referral.changed() if missing else _answered(referral)
    events: list[ReferralEvent] = [
        after.tell(InformationProvided, now=now, answered=tuple(answered))
    ]
    if after.status is Status.INFORMATION_NEEDED or (missing and after.status is Status.RECEIVED):
        after, needed = _ask(
            after, missing, waits=_asked_of(after), respond_by=after.respond_by, now=now
        )
        events.append(needed)
    return after, tuple(events)


def holding_up(referral: Referral, findings: Sequence[Finding]) -> Sequence[Finding]:
    """Return the findings that the referral waits for: none, once it was accepted in spite of them."""
    return _counting(referral, blocking(findings))


def _counting(referral: Referral, missing: Sequence[Missing]) -> Sequence[Missing]:
    """Return what holds the referral up: once it was accepted, its findings no longer do."""
    return missing if referral.stage is Status.RECEIVED else ()


def _still_missing(referral: Referral, missing: Sequence[str], *, is_asked: bool) -> Sequence[str]:
    return [*_counting(referral, missing), *([ASKED_BY_STAFF] if is_asked else [])]


def _answered(referral: Referral) -> Referral:
    """Return the referral with nothing asked; one that is held goes on where it was asked."""
    if referral.asked_at is None:
        return referral.changed()
    if referral.status is Status.ON_HOLD:
        return referral.changed(held_at=referral.asked_at, asked_at=None)
    return referral.back_to(referral.asked_at, asked_at=None)


def _asked_of(referral: Referral) -> WaitingOn:
    return referral.waiting_on if referral.status is Status.INFORMATION_NEEDED else "prescriber"


def _ask(
    referral: Referral,
    missing: Sequence[str],
    *,
    waits: WaitingOn,
    respond_by: datetime | None,
    now: datetime,
) -> tuple[Referral, InformationNeeded]:
    if referral.status is Status.INFORMATION_NEEDED:
        asked = referral.changed(waiting_on=waits, respond_by=respond_by)
    else:
        asked = referral.to(Status.INFORMATION_NEEDED, waits=waits, asked_at=referral.pause())
        asked = replace(asked, respond_by=respond_by)
    return asked, asked.tell(InformationNeeded, now=now, missing=tuple(missing))
