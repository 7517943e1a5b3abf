import pytest
from sqlalchemy import select

from common import audit
from common.audit import Entry
from common.tables import audit as table
from common.tables import new_metadata


@pytest.fixture
async def runtime(runtime_of):
    return await runtime_of(new_metadata(audited=True))


async def test_an_entry_is_read_again_and_its_reason_is_sealed_at_rest(runtime):
    """INVARIANT: free text is sealed, people write names into it. Broken by a plain column."""
    why = "ZZTESTPATIENT called about it"
    async with runtime.db.begin() as tx:
        for subject in ("message:1", "message:2"):
            told = Entry("ops:ann", "message_revealed", subject, why, detail={"code": "AE"})
            await audit.note(tx, told, sealer=runtime.sealer, now=runtime.clock())
        await audit.note(
            tx, Entry("ops:bob", "viewed", "message:1"), sealer=runtime.sealer, now=runtime.clock()
        )
    async with runtime.db.read() as tx:

        async def page(**marks):
            return await audit.page(tx, limit=10, sealer=runtime.sealer, **marks)

        newest, first = await page(subject="message:1")
        assert (first["actor"], first["reason"], first["detail"]) == (
            "ops:ann",
            why,
            {"code": "AE"},
        )
        assert (newest["actor"], newest["reason"]) == ("ops:bob", None)
        assert [row["subject"] for row in await page(actor="ops:ann")] == ["message:2", "message:1"]
        assert len(await page(before=newest["id"])) == 2
    async with runtime.db.read() as tx:
        kept = (await tx.scalars(select(table.c.reason))).all()
    assert b"ZZTEST" not in b"".join(reason or b"" for reason in kept)
