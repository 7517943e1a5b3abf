"""Opening and moving prior authorizations; what is not said again is kept."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from common.database import Transaction
from intake.domain import authorizing
from intake.domain.authorizing import PaChange
from intake.domain.prior_authorization import NO_DETAILS, refuse_denial_reason
from intake.domain.referral import Referral
from intake.handlers import record
from intake.handlers.card import Said
from intake.handlers.desk import Desk
from intake.handlers.record import Target


async def put(
    tx: Transaction,
    desk: Desk,
    target: Target,
    change: PaChange,
    *,
    said: Mapping[str, Any],
    now: datetime,
) -> Referral:
    """Put an authorization into a state; `said` are the fields of its details that were given."""
    kept = await record.fetch(tx, desk, target)
    if said.get("denial_reason") is not None:
        refuse_denial_reason(change.state)
    before = next((pa for pa in kept.referral.authorizations if pa.id == change.id), None)
    known = before.details_in(change.state) if before else NO_DETAILS
    details = replace(known, **said)
    decided = authorizing.put(kept.referral, replace(change, details=details), now=now)
    return await record.keep(tx, desk, kept, decided, said=Said(said.get("note")), now=now)
