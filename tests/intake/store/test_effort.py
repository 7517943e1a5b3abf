"""What is asked of a file for every order takes no longer for the many that are open: it stops the loop."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import insert, select
from tests.intake.store.test_known import MINE

from common import migrations
from common.database import Database
from common.ids import new_id
from common.service import Runtime
from intake.store import external_ids, known
from intake.store.tables import external_ids as numbers
from intake.store.tables import referrals

MANY = 400


@pytest.fixture
async def runtime(tmp_path, runtime_of):
    """Use a file as an upgrade leaves it: which index SQLite takes depends on which was made last."""
    made = await runtime_of(referrals.metadata)
    db = Database(f"sqlite:///{tmp_path / 'migrated.db'}")
    await migrations.upgrade(db, "intake.migrations")
    yield Runtime(db=db, log=made.log, sealer=made.sealer, clock=made.clock)
    await db.close()


@pytest.fixture
async def more(submitted, runtime):
    """Return what opens as many referrals as that, each like the one that is there."""

    async def more() -> None:
        async with runtime.db.begin() as tx:
            [row] = (await tx.execute(select(referrals))).mappings()
            ids = [new_id() for _ in range(MANY)]
            rows = [{**row, "id": i, "code": i.hex[-16:], "patient_index": i.hex} for i in ids]
            await tx.execute(insert(referrals), rows)
            number = MINE._asdict()
            theirs = [number | {"referral_id": i, "value": i.hex} for i in ids]
            await tx.execute(insert(numbers), theirs)

    return more


async def look(tx, patient: known.Patient, code: str) -> None:
    found = await known.look(tx, {MINE}, {patient}, [code])
    assert found == known.Known({MINE}, {patient}, {code}, set())


async def steps(db: Database, ask, *given) -> int:
    """Return how many steps SQLite takes to answer."""
    taken: list[None] = []
    async with db.begin() as tx:
        connection: Any = (await tx.get_raw_connection()).driver_connection
        file = connection.raw
        file.set_progress_handler(lambda: taken.append(None), 1)
        try:
            await ask(tx, *given)
        finally:
            file.set_progress_handler(None, 0)
    return len(taken)


async def find(tx, given: Sequence[str]) -> None:
    assert len(await external_ids.find_meant(tx, MINE.clinic_id, given[0])) == 1


@pytest.mark.parametrize("what", ["known", "meant"])
async def test_an_order_is_looked_up_among_many_as_among_few(submitted, runtime, more, what):
    async with runtime.db.read() as tx:
        row = (await tx.execute(select(referrals))).one()
    ask, given = {
        "known": (look, ((row.clinic_id, row.patient_index), row.code)),
        "meant": (find, ([MINE.value],)),
    }[what]
    few = await steps(runtime.db, ask, *given)
    await more()
    assert await steps(runtime.db, ask, *given) < 2 * few
