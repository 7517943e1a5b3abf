"""The door among transactions that lock clinics in another order, as a consumer's batch does."""

import asyncio
from contextlib import suppress

from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from tests.intake.api.test_submitting import order
from tests.intake.builders import clinic_json
from tests.system.whole import until

from intake.store.tables import referrals

WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")


async def _lock(tx, clinic):
    await tx.execute(
        text("SELECT id FROM clinics WHERE id = :id FOR NO KEY UPDATE"), {"id": clinic}
    )


async def test_a_deadlock_costs_nobody_who_submits_an_answer_or_a_referral(http, runtime):
    """INVARIANT: what is posted together is kept, each once, when PostgreSQL ends the transaction."""
    for number in range(3):
        await http.put(f"/v1/clinics/zz-{number}", json=clinic_json(hl7_links=[]))

    async def somebody_waits():
        async with runtime.db.read() as tx:
            return await tx.scalar(WAITING)

    def post(number):
        body = order(number, clinic_id=f"zz-{number}")
        return asyncio.create_task(http.post("/v1/referrals", json=body))

    async with runtime.db.begin() as other:
        await _lock(other, "zz-2")
        async with runtime.db.begin() as first:
            await _lock(first, "zz-0")
            posted = [post(0)]
            await until(somebody_waits)
            posted += [post(1), post(2)]  # they are the next batch
            await asyncio.sleep(0.2)
        await asyncio.wait(posted[:1])
        await until(somebody_waits)
        with suppress(DBAPIError):
            await _lock(other, "zz-1")
        await other.rollback()
    answers = await asyncio.gather(*posted)
    assert [answer.status_code for answer in answers] == [201] * 3
    async with runtime.db.read() as tx:
        assert await tx.scalar(select(func.count()).select_from(referrals)) == 3
