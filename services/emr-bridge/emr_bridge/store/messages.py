"""Messages as they came in, each once, with the answer that was given."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import BindParameter, RowMapping, Select, bindparam, func, select, update

from common.database import Transaction, insert_new
from common.events.clinic import sender_key
from common.rows import Rows
from emr_bridge.domain.message import UNKNOWN_SENDER, State
from emr_bridge.store.tables import WAITING, correlations, links_revision, messages

MOST_WAITING = 100
MOST_BYTES = 32 * 1024 * 1024
"""What is read into memory at once."""

TURN = int.from_bytes(b"messages", "big")
"""An advisory lock: replicas that read the same messages at once would do the same work."""

GIVEN = {"repairs": "'[]'", "duplicates": "0", "announced": "false"}
"""What every new row has, as SQL."""

READ = (
    messages.c.id,
    messages.c.raw,
    messages.c.sender,
    messages.c.control_id,
    messages.c.message_type,
    messages.c.link_id,
    messages.c.state,
    messages.c.announced,
    messages.c.received_at,
    messages.c.traceparent,
)
"""What reading and announcing a message takes."""


def _oldest() -> Select[Any]:
    """Return the one question for what is to be read now, and by what links."""
    queue = select(messages.c.id, messages.c.size).where(WAITING).order_by(messages.c.id)
    oldest = queue.limit(MOST_WAITING).cte("oldest")
    up_to_it = func.sum(oldest.c.size).over(order_by=oldest.c.id)
    summed = select(oldest.c.id, oldest.c.size, up_to_it.label("total")).cte("summed")
    fits = (summed.c.total <= MOST_BYTES) | (summed.c.total == summed.c.size)
    count = select(func.count()).select_from(oldest).scalar_subquery()
    revision = select(links_revision.c.revision).scalar_subquery()
    beside = (count.label("waiting"), func.coalesce(revision, 0).label("links_revision"))
    chosen = messages.c.id.in_(select(summed.c.id).where(fits))
    return select(*READ, *beside).where(chosen).order_by(messages.c.id)


def _given(name: str) -> BindParameter[Any]:
    return bindparam(name, type_=messages.c[name].type)


OLDEST = _oldest()
ONE = messages.c.id == bindparam("of", type_=messages.c.id.type)
THESE = messages.c.id.in_(bindparam("ids", type_=messages.c.id.type, expanding=True))
STATE = (messages.c.id, messages.c.state, messages.c.announced)
STILL_WAITING = select(*STATE).where(THESE, WAITING).with_for_update()
BECAME = {name: _given(name) for name in ("state", "reason", "became", "repairs", "interpreted_at")}
FINISH = (
    update(messages)
    .where(ONE)
    .values(
        BECAME
        | {name: func.coalesce(_given(name), messages.c[name]) for name in ("link_id", "clinic_id")}
        | {"announced": True}
    )
)
"""Statements of every reading, built once: to build them costs more than to run them."""


class NewMessage(NamedTuple):
    """A row to be. `raw` is sealed; `dedup_key` says what may exist only once."""

    id: UUID
    dedup_key: str
    sha256: str
    raw: bytes
    size: int
    sender: str
    control_id: str
    message_type: str
    link_id: str | None
    clinic_id: str | None
    state: State
    reason: str | None
    ack: bytes
    received_at: datetime
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Oldest:
    """The oldest messages that wait, `is_all` where no other does, and the revision of the links."""

    rows: Sequence[RowMapping]
    is_all: bool
    links_revision: int


@dataclass(frozen=True, slots=True)
class Correlation:
    """What a message's sender calls order, patient and provider; the last two are sealed."""

    message_id: UUID
    clinic_id: str
    link_id: str
    placer: str
    patient_ids: bytes
    provider: bytes | None = None
    referral_id: UUID | None = None
    cancel_asked: bool = False
    """The clinic has asked to cancel the referral since."""


async def add_all(tx: Transaction, rows: Sequence[NewMessage]) -> set[UUID]:
    """Keep those whose key is new, in their order; return the ids of the kept."""
    if not rows:
        return set()
    kept = insert_new(tx, messages).returning(messages.c.id)
    return set(await tx.scalars(kept, [_values(row) for row in rows]))


async def kept_answers(tx: Transaction, keys: Sequence[str]) -> dict[str, tuple[str, bytes]]:
    """Return the hash and the answer of what is kept under each key; count the repeats."""
    mine = messages.c.dedup_key.in_(keys)
    counted = messages.c.duplicates + 1
    again = update(messages).where(mine).values(duplicates=counted)
    columns = (messages.c.dedup_key, messages.c.sha256, messages.c.ack)
    rows = await tx.execute(again.returning(*columns))
    return {row.dedup_key: (row.sha256, row.ack) for row in rows}


async def waiting(tx: Transaction) -> Oldest:
    """Return the oldest messages to be read or announced: at least one, not more than fit."""
    rows = list((await tx.execute(OLDEST)).mappings())
    if not rows:
        return Oldest((), is_all=True, links_revision=0)
    is_all = len(rows) == rows[0]["waiting"] < MOST_WAITING
    return Oldest(rows, is_all=is_all, links_revision=rows[0]["links_revision"])


async def still_waiting(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, RowMapping]:
    """Return those that no other worker has recorded meanwhile, kept from others until the commit."""
    rows = await tx.execute(STILL_WAITING, {"ids": ids})
    return {row["id"]: row for row in rows.mappings()}


async def finish(tx: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    """Record what messages became and that they are announced; each row names its message as `of`.

    Where it knows no link the one that was found at the door stays.
    """
    if rows:
        await tx.execute(FINISH, rows)


async def mark_announced(tx: Transaction, ids: Sequence[UUID]) -> None:
    """Record that messages are announced which are not read."""
    if ids:
        await tx.execute(update(messages).where(messages.c.id.in_(ids)).values(announced=True))


async def read_again(tx: Transaction, sender_keys: Collection[str]) -> int:
    """Have those messages read again that waited for a person because nobody knew their sender."""
    unknown = (messages.c.state == State.REVIEW) & (messages.c.reason == UNKNOWN_SENDER)
    senders = await tx.scalars(select(messages.c.sender).where(unknown).distinct())
    known = [sender for sender in senders if not keys_of(sender).isdisjoint(sender_keys)]
    if not known:
        return 0
    values = {"state": State.RECEIVED, "reason": None}
    again = update(messages).where(unknown, messages.c.sender.in_(known)).values(values)
    return int((await tx.execute(again)).rowcount)


def keys_of(sender: str) -> set[str]:
    """Return by what the sender of a row (MSH-3|MSH-4) may be known: whole, and by first components."""
    application, _, facility = sender.partition("|")
    firsts = (name.partition("^")[0] for name in (application, facility))
    return {sender_key(application, facility), sender_key(*firsts)}


async def states_of(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return where messages stand now."""
    if not ids:
        return {}
    rows = await tx.execute(select(messages.c.id, messages.c.state).where(messages.c.id.in_(ids)))
    return {row.id: row.state for row in rows}


async def take_turn(tx: Transaction) -> bool:
    """Be the only one that reads messages until this transaction ends; False if another is."""
    if tx.dialect.name != "postgresql":
        return True
    return bool(await tx.scalar(select(func.pg_try_advisory_xact_lock(TURN))))


def correlated(found: Sequence[Correlation], *, now: datetime) -> Rows:
    """Return as rows the senders' own numbers, to be echoed in what we send later."""
    names = Correlation.__slots__
    rows = [{name: getattr(one, name) for name in names} | {"created_at": now} for one in found]
    return correlations, rows


ATTACH = (
    update(correlations)
    .where(correlations.c.message_id == bindparam("message"))
    .values(referral_id=bindparam("referral"))
)


async def attach_referrals(tx: Transaction, became: Sequence[tuple[UUID, UUID]]) -> None:
    """Remember which referrals messages became (message, referral)."""
    if became:
        await tx.execute(ATTACH, [{"message": one, "referral": other} for one, other in became])


async def correlation_of(tx: Transaction, referral_id: UUID) -> Correlation | None:
    """Return the newest message's numbers for a referral."""
    mine = select(correlations).where(correlations.c.referral_id == referral_id)
    rows = await tx.execute(mine.order_by(correlations.c.message_id.desc()).limit(1))
    row = rows.mappings().first()
    names = Correlation.__slots__
    return Correlation(**{name: row[name] for name in names}) if row else None


def _values(row: NewMessage) -> dict[str, Any]:
    given = {"repairs": [], "duplicates": 0, "announced": False}
    return row._asdict() | given
