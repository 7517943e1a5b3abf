"""What people ask for of the messages that we send: ids, codes and times. Reads only."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, exists, select

from common.database import Transaction
from emr_bridge.domain.outgoing import OutState
from emr_bridge.store.tables import outbound, outbound_attempts, outbound_revisions

Row = dict[str, Any]

HIDDEN = ("request", "message", "application_answer", "lease_token")
COLUMNS = [column for column in outbound.c if column.name not in HIDDEN]


@dataclass(frozen=True, slots=True)
class Asked:
    """By what messages are searched; None matches all."""

    state: OutState | None = None
    link_id: str | None = None
    clinic_id: str | None = None
    referral_id: UUID | None = None
    control_id: str | None = None


async def page(tx: Transaction, asked: Asked, *, before: UUID | None, limit: int) -> list[Row]:
    """Return messages, newest first, older than `before`."""
    found = select(*COLUMNS, _overtaken()).where(*_conditions(asked))
    if before is not None:
        found = found.where(outbound.c.id < before)
    rows = await tx.execute(found.order_by(outbound.c.id.desc()).limit(limit))
    return [dict(row) for row in rows.mappings()]


async def one(tx: Transaction, outbound_id: UUID) -> Row | None:
    """Return a message with its attempts and what it said before somebody edited it, in order."""
    mine = select(*COLUMNS, _overtaken()).where(outbound.c.id == outbound_id)
    row = (await tx.execute(mine)).mappings().first()
    if row is None:
        return None
    tried, was = outbound_attempts, outbound_revisions
    attempts = select(tried.c.number, tried.c.verdict, tried.c.started_at, tried.c.ended_at)
    attempts = attempts.where(tried.c.outbound_id == outbound_id).order_by(tried.c.number)
    revisions = select(was.c.number, was.c.control_id, was.c.replaced_at, was.c.replaced_by)
    revisions = revisions.where(was.c.outbound_id == outbound_id).order_by(was.c.number)
    return dict(row) | {
        "tried": [dict(one) for one in (await tx.execute(attempts)).mappings()],
        "revisions": [dict(one) for one in (await tx.execute(revisions)).mappings()],
    }


def _overtaken() -> ColumnElement[bool]:
    """Return whether the EMR has a newer message of the same referral: sent now, it comes late."""
    newer = outbound.alias("newer")
    same = (newer.c.referral_id == outbound.c.referral_id) & (newer.c.part == outbound.c.part)
    later = (newer.c.id > outbound.c.id) & (newer.c.state == OutState.DELIVERED)
    return exists(select(newer.c.id).where(same, later).correlate(outbound)).label("overtaken")


def _conditions(asked: Asked) -> list[ColumnElement[bool]]:
    pairs = (
        (outbound.c.state, asked.state),
        (outbound.c.link_id, asked.link_id),
        (outbound.c.clinic_id, asked.clinic_id),
        (outbound.c.referral_id, asked.referral_id),
        (outbound.c.control_id, asked.control_id),
    )
    return [column == value for column, value in pairs if value is not None]
