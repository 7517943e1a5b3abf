"""What is known already of orders that come: by number, by patient with the drug, by short code."""

from dataclasses import dataclass

import pytest
from sqlalchemy import select
from tests.intake.builders import submission_json

from intake.store import known
from intake.store.external_ids import Number
from intake.store.tables import referrals

MINE = Number("lakeside", "LAKESIDE", "PO-7781")
SAME_VALUE = MINE._replace(system="HILLSIDE"), MINE._replace(clinic_id="hillside")


@dataclass(frozen=True)
class There:
    """What the one referral has, by which it may be found."""

    patient: known.Patient
    code: str


@pytest.fixture
async def there(submitted, runtime):
    async with runtime.db.read() as tx:
        row = (await tx.execute(select(referrals))).one()
    return There((row.clinic_id, row.patient_index), row.code)


@pytest.fixture
def look(runtime):
    async def look(*wanted):
        async with runtime.db.begin() as tx:
            return await known.look(tx, *wanted)

    return look


async def test_what_is_there_is_found_and_nothing_that_only_looks_like_it(there, look):
    """INVARIANT: the same number of another clinic, or of another numbering, is another order."""
    index = there.patient[1]
    wanted = {MINE, *SAME_VALUE}, {there.patient, ("hillside", index)}, [there.code, "NOBODY"]
    assert await look(*wanted) == known.Known({MINE}, {there.patient}, {there.code}, set())


async def test_who_looks_for_nothing_finds_nothing(there, look):
    assert await look() == known.Known(set(), set(), set(), set())


async def test_of_a_referral_that_ended_only_the_code_is_still_its_own(
    http, submitted, there, look
):
    reason = {"reason": "out_of_network"}
    ended = await http.post(f"{submitted['links']['self']}/decline", json=reason)
    assert ended.status_code == 200, ended.text
    found = await look({MINE}, {there.patient}, [there.code])
    assert found == known.Known(set(), set(), {there.code}, set())


async def test_where_an_answer_is_kept_is_known_by_scope_and_key_together(http, lakeside, look):
    """INVARIANT: a key of another endpoint is another key."""
    given = {"Idempotency-Key": "zz-1"}
    answer = await http.post("/v1/referrals", json=submission_json(), headers=given)
    assert answer.status_code == 201, answer.text
    mine, other = ("POST /v1/referrals", "zz-1"), ("POST /v1/other", "zz-1")
    wanted = {mine, other, ("POST /v1/referrals", "zz-2")}
    assert (await look(set(), set(), (), wanted)).places == {mine}


async def test_the_same_order_is_known_when_it_comes_again(http, submitted):
    again = await http.post("/v1/referrals", json=submission_json())
    assert (again.status_code, again.json()["id"]) == (200, submitted["id"])
