"""How each link is: up or down, its circuit, when it answered last, and who holds it for sending."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import bindparam, func, select, update

from common.database import Transaction, UtcDateTime
from emr_bridge.store.tables import links

Circuit = Literal["open", "held"]
"""`open`: refused for its configuration too often in a row. `held`: strict order, and one is parked."""


async def note_answer(tx: Transaction, link_id: str, code: str, *, now: datetime) -> None:
    """Note that the far side answered, whatever it said."""
    well = {"failures": 0, "down_since": None, "next_attempt_at": None, "last_error": None}
    heard = {"answered_at": now, "last_answer": code, "circuit": None}
    await _write(tx, link_id, well | heard)


async def note_trouble(tx: Transaction, link_id: str, error: str) -> None:
    """Note that the far side was reached but did not answer."""
    await _write(tx, link_id, {"last_error": error})


async def note_down(tx: Transaction, link_id: str, error: str, *, now: datetime) -> int:
    """Note that the far side cannot be reached; return how often in a row."""
    values = {
        "failures": links.c.failures + 1,
        "down_since": func.coalesce(links.c.down_since, bindparam("since", now, UtcDateTime)),
        "last_error": error,
    }
    mine = update(links).where(links.c.id == link_id).values(values)
    return int(await tx.scalar(mine.returning(links.c.failures)) or 1)


async def note_fault(tx: Transaction, link_id: str, *, is_fault: bool) -> int:
    """Count a configuration fault, or begin anew; return how many there were in a row."""
    faults = links.c.faults + 1 if is_fault else 0
    mine = update(links).where(links.c.id == link_id).values(faults=faults)
    return int(await tx.scalar(mine.returning(links.c.faults)) or 0)


async def rest_until(
    tx: Transaction, link_id: str, until: datetime, *, circuit: Circuit | None = None
) -> None:
    """Leave a link alone until then."""
    values: dict[str, Any] = {"next_attempt_at": until}
    await _write(tx, link_id, values | ({"circuit": circuit} if circuit else {}))


async def resume(tx: Transaction, link_id: str) -> bool:
    """Close a link's circuit and end its rest; False when there is no such link."""
    mine = update(links).where(links.c.id == link_id)
    done = await tx.execute(mine.values(circuit=None, faults=0, next_attempt_at=None))
    return done.rowcount == 1


async def let_go(tx: Transaction, link_id: str) -> None:
    """End a link's wait for a person: what it waited for was decided."""
    held = (links.c.id == link_id) & (links.c.circuit == "held")
    await tx.execute(update(links).where(held).values(circuit=None, next_attempt_at=None))


async def is_resting(tx: Transaction, link_id: str, now: datetime) -> bool:
    """Tell whether a link is to be left alone for now."""
    resting = (links.c.id == link_id) & (links.c.next_attempt_at > now)
    return await tx.scalar(select(links.c.id).where(resting)) is not None


async def release_all(tx: Transaction) -> None:
    """Let every link go: at the start of the only process that can have held one."""
    await tx.execute(update(links).values(lease_token=None, leased_until=None))


async def release(tx: Transaction, link_id: str, token: UUID) -> None:
    """Let a link go, if it is still held by that token."""
    mine = (links.c.id == link_id) & (links.c.lease_token == token)
    await tx.execute(update(links).where(mine).values(lease_token=None, leased_until=None))


async def hold_on(tx: Transaction, link_id: str, token: UUID, until: datetime) -> bool:
    """Hold a link longer; False when another process holds it by now."""
    mine = (links.c.id == link_id) & (links.c.lease_token == token)
    held = await tx.execute(update(links).where(mine).values(leased_until=until))
    return held.rowcount == 1


async def _write(tx: Transaction, link_id: str, values: dict[str, Any]) -> None:
    await tx.execute(update(links).where(links.c.id == link_id).values(values))
