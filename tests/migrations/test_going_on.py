"""Today's version starts on the databases in which an older one was killed, and does what was left to do."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.migrations.conftest import MakeUrl
from tests.migrations.freezing import KEYS
from tests.migrations.frozen import EVERYTHING, LIVES, Frozen
from tests.migrations.test_migrations import history
from tests.system.conftest import World
from tests.system.whole import Whole, until
from tests.system.world import outside, settings_for

from common import migrations
from common.clock import VARIABLE as CLOCK
from common.database import Database
from common.failpoints import IN_TESTS

Databases = dict[str, Database]

UNDER_WAY = {
    "intake": ["SELECT count(*) FROM outbox"],
    "emr-bridge": [
        "SELECT count(*) FROM outbox",
        "SELECT count(*) FROM messages WHERE state = 'received'",
        "SELECT count(*) FROM outbound WHERE ended_at IS NULL",
    ],
    "notifications": [
        "SELECT count(*) FROM outbox",
        "SELECT count(*) FROM deliveries WHERE ended_at IS NULL",
        "SELECT count(*) FROM notices WHERE confirmed_at IS NULL AND superseded_by IS NULL",
        "SELECT count(*) FROM promises WHERE state IN ('open', 'at_risk')",
    ],
}
"""What was left to do when the plug was pulled, and is done when nothing is left."""

SINCE = {
    "emr-bridge": [
        "SELECT count(*) FROM outbox",
        "SELECT count(*) FROM unread",
        "SELECT count(*) FROM outbound WHERE ended_at IS NULL",
    ]
}
"""The same, where it is told otherwise today."""


@pytest.fixture(params=LIVES)
async def databases(
    request: pytest.FixtureRequest, any_url: MakeUrl
) -> AsyncGenerator[tuple[list[Frozen], Databases]]:
    """The three databases as an older version left them, each at its revision of then."""
    lives = [frozen for frozen in EVERYTHING if frozen.life == request.param]
    opened = {frozen.service: Database(await any_url(frozen.service)) for frozen in lives}
    for frozen in lives:
        db = opened[frozen.service]
        await migrations.upgrade(db, history(frozen.service), revision=frozen.revision)
        await frozen.put(db)
    yield lives, opened
    for db in opened.values():
        await db.close()


async def test_what_an_older_version_left_to_do_is_done_by_the_new_one(databases, tmp_path: Path):
    """INVARIANT: an upgrade in the middle of the work forgets none of it.

    A column that holds something else than it did, or an event that is read otherwise, breaks it.
    """
    lives, opened = databases
    before = {query: n for query, n in (await under_way(opened)).items() if n}
    print("\nleft to do:", before)
    assert len(before) >= 6
    referrals = await count(opened["intake"], "SELECT count(*) FROM referrals")

    by = tmp_path / "seconds"
    by.write_text(str((max(f.at for f in lives) - datetime.now(UTC)).total_seconds() + 5))
    async with outside(tmp_path) as around:
        own = {CLOCK: str(by), IN_TESTS: "1", "SEALING_KEYS": KEYS, "CLOCK_SPEED": "1"}
        own |= {f"{s.replace('-', '_').upper()}_DATABASE_URL": d.url for s, d in opened.items()}
        whole = Whole(tmp_path / "system", settings_for(around.gateway) | own)
        world = World(around.gateway, around.emr, around.hook, whole)
        try:
            await whole.start()
            await world.register_all(whole)
            signed = {"number": "+13125550001", "verified_on": "2026-01-01"}
            await world.register(whole, "zz-unsigned", channels=["fax"], fax_numbers=[signed])
            later(by, minutes=10)  # what was tried in vain is due again
            await until(lambda: nothing_left(opened, by), seconds=60)
        finally:
            await whole.end()

    became = await count(opened["intake"], "SELECT count(*) FROM referrals")
    assert became == referrals + 1, "the message that was kept and not read became one"
    assert not await count(
        opened["notifications"], "SELECT count(*) FROM promises WHERE state='broken'"
    )
    for service, db in opened.items():
        assert await count(db, "SELECT count(*) FROM dead_letters") == 1, (
            service
        )  # was there before
    assert world.emr.received


def later(by: Path, *, minutes: float) -> None:
    """Put the system's clock on."""
    draft = by.with_suffix(".new")
    draft.write_text(str(float(by.read_text()) + timedelta(minutes=minutes).total_seconds()))
    draft.replace(by)  # at once: who reads meanwhile finds the one or the other


async def nothing_left(opened: Databases, by: Path) -> bool:
    later(by, minutes=0.2)
    return not any((await under_way(opened, UNDER_WAY | SINCE)).values())


async def under_way(
    opened: Databases, left: Mapping[str, Sequence[str]] = UNDER_WAY
) -> dict[str, int]:
    return {
        f"{service}: {query}": await count(opened[service], query)
        for service, queries in left.items()
        for query in queries
    }


async def count(db: Database, query: str) -> int:
    async with db.read() as tx:
        return int(await tx.scalar(text(query)))
