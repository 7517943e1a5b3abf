"""Revision 0010 of emr-bridge: a release that writes `messages` goes on beside one that does not.

What the older release did is SQL here, as it was then. On SQLite nothing runs beside the new release.
"""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from alembic import command
from sqlalchemy import text
from tests.migrations.conftest import MakeUrl
from tests.migrations.test_migrations import configured

from common import migrations
from common.database import Database
from common.ids import new_id
from emr_bridge.store import readings

HISTORY = "emr_bridge.migrations"
NOW = datetime(2026, 3, 2, tzinfo=UTC)
KEEP = """
    INSERT INTO messages (id, dedup_key, sha256, raw, size, sender, control_id, message_type, state,
                          repairs, ack, duplicates, received_at, announced)
    VALUES (:id, :key, '', '', 1, 'EPIC|NORTH', 'M-1', 'REF^I12', :state, '[]', '', 0, :now, :announced)
"""
RECORD = """
    UPDATE messages SET state = :state, reason = :reason, became = 'x', announced = true WHERE id = :id
"""
WAITING = "SELECT id FROM messages WHERE (state = 'received' OR NOT announced)"
READ_AGAIN = """
    UPDATE messages SET state = 'received', reason = NULL
    WHERE state = 'review' AND reason = 'unknown_sender'
"""

READ = """
    INSERT INTO readings (message_id, state, reason, repairs, sender, control_id, message_type, received_at)
    SELECT id, :state, :reason, repairs, sender, control_id, message_type, received_at
    FROM messages WHERE id = :id
"""


@pytest.fixture
async def db(any_url: MakeUrl) -> AsyncGenerator[Database]:
    db = Database(await any_url("emr_bridge"))
    await migrations.upgrade(db, HISTORY, revision="0009")
    yield db
    await db.close()


beside = pytest.mark.parametrize("any_url", ["postgresql"], indirect=True)
"""Only there can two releases run at once."""


async def keep(db: Database, state: str = "received", *, announced: bool = False) -> UUID:
    """Keep a message as the older release does."""
    identifier = new_id()
    values = {"id": identifier if not db.is_sqlite else identifier.hex, "key": identifier.hex}
    await run(db, KEEP, **values, state=state, announced=announced, now=NOW)
    return identifier


async def run(db: Database, statement: str, **values: Any) -> None:
    values |= {"now": NOW.isoformat()} if db.is_sqlite and "now" in values else {}
    async with db.begin() as tx:
        await tx.execute(text(statement), values)


async def record(db: Database, message: UUID, state: str, reason: str | None = None) -> None:
    """Write what a message was read as, as the older release does."""
    named = message.hex if db.is_sqlite else message
    await run(db, RECORD, id=named, state=state, reason=reason)


async def states(db: Database, table: str) -> dict[UUID, str]:
    async with db.read() as tx:
        rows = await tx.execute(text(f"SELECT message_id, state FROM {table}"))
        return {UUID(str(row.message_id)): row.state for row in rows}


async def waiting_for_older(db: Database) -> set[UUID]:
    async with db.read() as tx:
        return {UUID(str(one)) for one in await tx.scalars(text(WAITING))}


async def test_what_was_kept_before_is_read_or_was_read(db):
    """INVARIANT: no message is forgotten by the upgrade, and none that was read is read again."""
    waits, read = await keep(db), await keep(db)
    refused = await keep(db, "refused")
    await record(db, read, "interpreted")
    await migrations.upgrade(db, HISTORY)
    assert await states(db, "unread") == {waits: "received", refused: "refused"}
    assert await states(db, "readings") == {read: "interpreted"}


async def test_a_downgrade_writes_back_what_was_read_and_what_waits(db):
    waits, read = await keep(db), await keep(db)
    await migrations.upgrade(db, HISTORY)
    async with db.begin() as tx:
        assert set(await readings.take(tx, [read])) == {read}
        rows = "message_id, state, repairs, sender, control_id, message_type, received_at"
        kept = "SELECT id, 'review', repairs, sender, control_id, message_type, received_at FROM messages"
        named = {"id": read.hex if db.is_sqlite else read}
        await tx.execute(text(f"INSERT INTO readings ({rows}) {kept} WHERE id = :id"), named)
        await tx.run_sync(lambda c: command.downgrade(configured(c, "emr-bridge"), "0009"))
    async with db.read() as tx:
        found = await tx.execute(text("SELECT id, state, announced FROM messages"))
        told = {UUID(str(row.id)): (row.state, bool(row.announced)) for row in found}
    assert told == {waits: ("received", False), read: ("review", True)}


@beside
async def test_what_the_older_release_keeps_is_read_by_one_of_the_two(db):
    """INVARIANT: acknowledged by an old replica, read exactly once, whichever replica reads it."""
    await migrations.upgrade(db, HISTORY)
    by_old, by_new = await keep(db), await keep(db)
    assert await states(db, "unread") == {by_old: "received", by_new: "received"}
    await record(db, by_old, "interpreted")
    assert await states(db, "readings") == {by_old: "interpreted"}
    async with db.begin() as tx:
        assert set(await readings.take(tx, [by_old, by_new])) == {by_new}
    assert await waiting_for_older(db) == set()
    assert await states(db, "readings") == {by_old: "interpreted"}


@beside
async def test_what_waited_at_the_upgrade_is_read_by_one_of_the_two(db):
    by_old, by_new = await keep(db), await keep(db)
    await migrations.upgrade(db, HISTORY)
    async with db.begin() as tx:
        assert set(await readings.take(tx, [by_new])) == {by_new}
    assert await waiting_for_older(db) == {by_old}
    await record(db, by_old, "review", "unknown_sender")
    assert await states(db, "unread") == {}
    assert await states(db, "readings") == {by_old: "review"}


@beside
async def test_what_the_older_release_has_read_again_is_not_announced_again(db):
    await migrations.upgrade(db, HISTORY)
    one = await keep(db)
    await record(db, one, "review", "unknown_sender")
    await run(db, READ_AGAIN)
    assert await states(db, "readings") == {}
    async with db.begin() as tx:
        taken = await readings.take(tx, [one])
    assert taken[one]
    assert await waiting_for_older(db) == set()


@beside
async def test_what_the_newer_has_read_again_and_read_is_not_read_again_by_the_older(db):
    """INVARIANT: a referral that came of a second reading is not asked for again, also after going back."""
    one = await keep(db)
    await record(db, one, "review", "unknown_sender")
    await migrations.upgrade(db, HISTORY)
    assert await read_again(db) == 1
    await read(db, one, "interpreted")
    await run(db, READ_AGAIN)
    assert await states(db, "unread") == {}
    assert await states(db, "readings") == {one: "interpreted"}


@beside
async def test_what_both_have_read_again_is_read_once(db):
    one = await keep(db)
    await record(db, one, "review", "unknown_sender")
    await migrations.upgrade(db, HISTORY)
    assert await read_again(db) == 1
    await run(db, READ_AGAIN)
    await read(db, one, "interpreted")
    assert await waiting_for_older(db) == set()


@beside
async def test_whose_sender_the_newer_did_not_know_the_older_has_read_again(db):
    await migrations.upgrade(db, HISTORY)
    one = await keep(db)
    await read(db, one, "review", "unknown_sender")
    await run(db, READ_AGAIN)
    assert await states(db, "unread") == {one: "received"}
    assert await waiting_for_older(db) == {one}
    assert await states(db, "readings") == {}


@beside
async def test_the_upgrade_lets_finish_who_reads_in_one_transaction_and_records_in_another(db):
    """INVARIANT: an older replica that is reading does not make the upgrade fail after its copying."""
    one = await keep(db)
    async with asyncio.timeout(30), asyncio.TaskGroup() as both, db.read() as turn:
        await turn.execute(text(WAITING))
        both.create_task(migrations.upgrade(db, HISTORY))
        await someone_waits(db)
        await record(db, one, "interpreted")
    assert await states(db, "readings") == {one: "interpreted"}


async def someone_waits(db: Database) -> None:
    async with db.read() as tx:
        while not await tx.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def read(db: Database, message: UUID, state: str, reason: str | None = None) -> None:
    """Read a message as this release does."""
    async with db.begin() as tx:
        assert set(await readings.take(tx, [message])) == {message}
        values = {"id": message, "state": state, "reason": reason}
        await tx.execute(text(READ), values)


async def read_again(db: Database) -> int:
    async with db.begin() as tx:
        return await readings.read_again(tx, readings.keys_of("EPIC|NORTH"))


@beside
async def test_a_crash_between_the_two_leaves_the_message_to_both(db):
    """INVARIANT: what is taken and not recorded (the transaction ends in nothing) waits again."""
    await migrations.upgrade(db, HISTORY)
    one = await keep(db)
    with pytest.raises(ConnectionError):
        await take_and_die(db, one)
    assert await states(db, "unread") == {one: "received"}
    assert await waiting_for_older(db) == {one}


async def take_and_die(db: Database, message: UUID) -> None:
    async with db.begin() as tx:
        assert set(await readings.take(tx, [message])) == {message}
        raise ConnectionError
