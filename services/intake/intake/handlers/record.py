"""How a decision is kept: row, timeline and events together, so that none is without the others."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from common import outbox, tracing
from common.database import Transaction
from common.errors import Stale
from common.events.envelope import Event
from common.events.people import ReferralCard
from common.events.referral import ReferralEvent
from common.rows import Rows, insert_all
from common.sealing import Sealer
from intake.domain.details import Details
from intake.domain.referral import Decided, Referral
from intake.handlers import card, likeness
from intake.handlers.card import Said
from intake.handlers.desk import Desk
from intake.store import appointments, authorizations, patient_numbers, referrals, timeline
from intake.store.referrals import Kept

STATE_FACTS = frozenset(
    ["occurred_at", "sealed", "referral_id", "clinic_id", "code", "version", "status", "reason"]
)
"""What a timeline entry has in places of its own, or does not need."""


Versions = AbstractSet[int]
"""The versions of which the caller saw one (If-Match); an empty set fits none."""


class Telling(NamedTuple):
    """An event of a referral as it is told: in its timeline, and to the other services."""

    referral_id: UUID
    entry: timeline.Entry
    event: Event
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Amendment:
    """What is known better now, and the entry of the timeline that tells of it."""

    what: str
    details: Details
    facts: Mapping[str, Any]
    said: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Which referral is meant, and which versions of it; None means any."""

    referral_id: UUID
    versions: Versions | None = None


async def fetch(tx: Transaction, desk: Desk, target: Target) -> Kept:
    """Return the referral for changing; Stale when the caller saw another version."""
    kept = await referrals.get(tx, desk.sealer, target.referral_id, for_update=True)
    if target.versions is not None and kept.referral.version not in target.versions:
        etag = f'"{kept.referral.version}"'
        raise Stale(f"the ETag of the referral is {etag} by now", etag=etag)
    return kept


async def change(
    tx: Transaction,
    desk: Desk,
    target: Target,
    decide: Callable[[Referral], Decided],
    *,
    said: Said | None = None,
    now: datetime,
) -> Referral:
    """Let a referral decide and keep what it decided."""
    kept = await fetch(tx, desk, target)
    return await keep(tx, desk, kept, decide(kept.referral), said=said, now=now)


async def keep(
    tx: Transaction,
    desk: Desk,
    before: Kept,
    decided: Decided,
    *,
    said: Said | None = None,
    now: datetime,
) -> Referral:
    """Write what follows `before`: its `details` and `origin` as given there. No events: no change."""
    after, events = decided
    if not events:
        return before.referral
    index = likeness.index(desk.sealer, before.details.submission)
    kept = replace(before, referral=after)
    await referrals.save(tx, desk.sealer, before.referral, kept, patient_index=index, now=now)
    await _keep_parts(tx, desk, before.referral, after, now=now)
    await tell(tx, desk, kept, events, since=before.referral, said=said, now=now)
    return after


async def amend(
    tx: Transaction,
    desk: Desk,
    before: Kept,
    entry: Amendment,
    *,
    now: datetime,
) -> Referral:
    """Keep what is known better now where nothing is decided by it, and say so in the timeline."""
    index = likeness.index(desk.sealer, entry.details.submission)
    after = replace(before, referral=before.referral.changed(), details=entry.details)
    await referrals.save(tx, desk.sealer, before.referral, after, patient_index=index, now=now)
    identifier = after.referral.id
    numbers = entry.details.submission.patient.identifiers
    await patient_numbers.put(tx, desk.sealer, after.referral.clinic_id, identifier, numbers)
    await note(tx, desk, identifier, entry.what, facts=entry.facts, said=entry.said, now=now)
    return after.referral


async def tell(
    tx: Transaction,
    desk: Desk,
    kept: Kept,
    events: Iterable[ReferralEvent],
    *,
    since: Referral | None,
    said: Said | None = None,
    now: datetime,
) -> None:
    """Write each event to the timeline and, with its card sealed, to the outbox."""
    person = await card.of(tx, desk.sealer, kept)
    telling = told(desk, kept, events, person, since=since, said=said, now=now)
    await write(tx, desk.sealer, telling, now=now)


def told(
    desk: Desk,
    kept: Kept,
    events: Iterable[ReferralEvent],
    person: ReferralCard,
    *,
    since: Referral | None,
    said: Said | None = None,
    now: datetime,
) -> list[Telling]:
    """Return what is told of each event: its entry in the timeline, and itself with its card sealed."""
    status = since.status.value if since else None
    telling: list[Telling] = []
    for event in events:
        entry = _entry(desk, event, from_status=status, said=said, now=now)
        sealed = event.with_sealed(desk.sealer, card.for_event(person, event, kept, said))
        telling.append(Telling(kept.referral.id, entry, sealed, tracing.current()))
        status = event.status
    return telling


async def write(
    tx: Transaction, sealer: Sealer, telling: Sequence[Telling], *, now: datetime
) -> None:
    """Write what is told of any number of referrals, in its order."""
    await insert_all(tx, *rows_of(tx, sealer, telling, now=now))


def rows_of(
    tx: Transaction, sealer: Sealer, telling: Sequence[Telling], *, now: datetime
) -> tuple[Rows, Rows]:
    """Return the rows of timelines and outbox, for a caller that inserts them with its own."""
    entries = timeline.rows_of(sealer, [(one.referral_id, one.entry) for one in telling])
    traces = [one.traceparent for one in telling]
    return entries, outbox.waiting(tx, [one.event for one in telling], traces=traces, now=now)


async def note(
    tx: Transaction,
    desk: Desk,
    referral_id: UUID,
    what: str,
    *,
    facts: Mapping[str, Any],
    said: str | None = None,
    now: datetime,
) -> None:
    """Add to the timeline what changes nothing; `said` is people's words and kept sealed."""
    entry = noted(desk, what, facts=facts, said=said, now=now)
    await timeline.append(tx, desk.sealer, referral_id, entry)


def noted(
    desk: Desk, what: str, *, facts: Mapping[str, Any], said: str | None = None, now: datetime
) -> timeline.Entry:
    """Return the entry of what changes nothing."""
    return timeline.Entry(
        occurred_at=now,
        recorded_at=now,
        actor=desk.actor,
        what=what,
        source_message_id=desk.source_message_id,
        facts=dict(facts),
        note=said,
    )


async def _keep_parts(
    tx: Transaction, desk: Desk, before: Referral, after: Referral, *, now: datetime
) -> None:
    await authorizations.save(
        tx,
        desk.sealer,
        after.id,
        before=before.authorizations,
        after=after.authorizations,
        now=now,
    )
    if after.appointment and after.appointment != before.appointment:
        is_new = before.appointment is None or before.appointment.id != after.appointment.id
        await appointments.save(
            tx, desk.sealer, after.id, after.appointment, is_new=is_new, now=now
        )


def _entry(
    desk: Desk, event: ReferralEvent, *, from_status: str | None, said: Said | None, now: datetime
) -> timeline.Entry:
    facts = event.model_dump(mode="json", exclude_none=True, exclude=set(STATE_FACTS))
    return timeline.Entry(
        occurred_at=event.occurred_at,
        recorded_at=now,
        actor=desk.actor,
        what=event.type,
        from_status=from_status,
        to_status=event.status,
        reason=event.reason,
        source_message_id=desk.source_message_id,
        facts=facts,
        note=said.note if said else None,
    )
