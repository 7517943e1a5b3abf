"""Two who read the same version: the second to write is told, whatever locks the database takes."""

from dataclasses import replace
from uuid import UUID

import pytest
from tests.intake.builders import NOW

from common.errors import ConcurrentUpdate
from intake.domain import progress
from intake.store import clinics, referrals


async def test_of_two_who_move_one_version_of_a_referral_the_second_is_refused(submitted, runtime):
    """INVARIANT: no move is written over another that its mover has not seen."""
    async with runtime.db.begin() as tx:
        kept = await referrals.get(tx, runtime.sealer, UUID(submitted["id"]))
        after, _ = progress.accept(kept.referral, now=NOW)
        moved = replace(kept, referral=after)

        async def save():
            await referrals.save(
                tx, runtime.sealer, kept.referral, moved, patient_index=None, now=NOW
            )

        await save()
        with pytest.raises(ConcurrentUpdate):
            await save()


@pytest.mark.parametrize("version", [1, 2])
async def test_of_two_who_change_one_version_of_a_clinic_the_second_is_refused(
    lakeside, runtime, version
):
    async with runtime.db.begin() as tx:
        clinic = await clinics.get(tx, runtime.sealer, "lakeside")
        changed = replace(clinic, name="New", version=version)
        if version == 2:
            await clinics.save(tx, runtime.sealer, changed, now=NOW)
        with pytest.raises(ConcurrentUpdate):
            await clinics.save(tx, runtime.sealer, changed, now=NOW)
