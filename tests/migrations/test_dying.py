"""A process that dies, or loses its patience, in the middle of a migration."""

import asyncio
import os
import signal
import sys

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.migrations.conftest import MakeUrl
from tests.migrations.freezing import KEYS
from tests.migrations.frozen import EVERYTHING
from tests.migrations.test_migrations import history

from common import migrations
from common.database import Database
from common.failpoints import IN_TESTS, VARIABLE

OLDEST = next(f for f in EVERYTHING if f.service == "emr-bridge" and f.revision == "0001")


async def test_a_process_that_dies_before_its_migration_is_committed_leaves_the_old_tables(
    any_url: MakeUrl, tmp_path
):
    """INVARIANT: a migration is done or not begun. Broken by one that commits for itself."""
    db = Database(await any_url("service"))
    await migrations.upgrade(db, history(OLDEST.service), revision=OLDEST.revision)
    await OLDEST.put(db)

    assert await migrating(db.url, tmp_path, failpoint="in_migration") == -signal.SIGKILL
    async with db.read() as tx:
        assert await tx.scalar(text("SELECT version_num FROM alembic_version")) == OLDEST.revision
    assert await migrating(db.url, tmp_path) == 0
    assert await OLDEST.left(db) == OLDEST.rows()
    await db.close()


async def migrating(url: str, folder, *, failpoint: str = "") -> int:
    """Run the command that an operator runs; return its exit code."""
    own = {"EMR_BRIDGE_DATABASE_URL": url, "SEALING_KEYS": KEYS, "DATA_DIR": str(folder)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "emr_bridge", "migrate"),
        env=os.environ | own | {VARIABLE: failpoint, IN_TESTS: "1"},
        cwd=folder,
    )
    async with asyncio.timeout(30):
        return await process.wait()


async def test_a_migration_does_not_keep_everybody_waiting_behind_a_long_transaction(
    postgresql_url: str,
):
    """INVARIANT: who waits for a table makes all others wait: it gives up, and the command is run again."""
    db = Database(postgresql_url)
    await migrations.upgrade(db, history(OLDEST.service), revision="0001")
    async with db.begin() as busy:
        await busy.execute(text("SELECT 1 FROM correlations"))
        with pytest.raises(DBAPIError, match="lock timeout"):
            await migrations.upgrade(db, history(OLDEST.service), revision="0002", patience="200ms")
    await migrations.upgrade(db, history(OLDEST.service), revision="0002")
    await db.close()
