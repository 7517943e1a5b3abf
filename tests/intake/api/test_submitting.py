"""Submissions that come at the same moment: each its own answer, whatever its neighbours are."""

import asyncio

from sqlalchemy import func, select
from tests.intake.builders import clinic_json, submission_json

from common.events.envelope import Envelope
from common.tables import idempotency_keys, outbox
from intake.store.tables import referrals

PEOPLE = ("Ash", "Birch", "Cedar", "Elm", "Fir", "Hazel", "Larch", "Maple")


def order(number, **changes):
    """Return a submission of its own patient and with its own number."""
    family = f"ZZTEST-{PEOPLE[number % len(PEOPLE)]}{'x' * (number // len(PEOPLE))}"
    said = submission_json(external_ids=[{"value": f"ORD-{number}", "system": "LAKESIDE"}])
    return said | {"patient": said["patient"] | {"family_name": family}} | changes


async def post_all(http, orders, keys=None):
    headers = [{"Idempotency-Key": key} if key else {} for key in keys or [None] * len(orders)]
    return await asyncio.gather(
        *(
            http.post("/v1/referrals", json=body, headers=given)
            for body, given in zip(orders, headers, strict=True)
        )
    )


async def count(runtime, table):
    async with runtime.db.read() as tx:
        return await tx.scalar(select(func.count()).select_from(table))


async def test_many_at_once_are_each_one_referral_with_all_that_belongs_to_it(
    http, lakeside, runtime, told
):
    orders = [order(number) for number in range(40)]
    answers = await post_all(http, orders, keys=[f"key-{number}" for number in range(40)])
    assert {answer.status_code for answer in answers} == {201}
    for body, answer in zip(orders, answers, strict=True):
        kept = answer.json()
        assert kept["patient"]["family_name"] == body["patient"]["family_name"]
        assert (await http.get(answer.headers["location"])).json() == kept
        [entry] = (await http.get(kept["links"]["timeline"])).json()
        assert (entry["what"], entry["to_status"]) == ("referral.received.v1", "received")
    assert len({answer.json()["code"] for answer in answers}) == 40
    assert await told() == ["referral.received.v1"] * 40
    assert await count(runtime, idempotency_keys) == 40


async def test_they_share_transactions(http, lakeside, runtime):
    await post_all(http, [order(number) for number in range(20)])
    async with runtime.db.read() as tx:
        moments = (await tx.scalars(select(referrals.c.created_at))).all()
    assert len(moments) == 20
    assert len(set(moments)) < 20


async def test_the_same_order_twice_in_one_moment_is_one_referral(http, lakeside, runtime):
    """INVARIANT: the same order of an open referral makes no twin, however close they come."""
    answers = await post_all(http, [order(1), order(2), order(1), order(1), order(3)])
    assert sorted(answer.status_code for answer in answers) == [200, 200, 201, 201, 201]
    same = [answers[place].json()["id"] for place in (0, 2, 3)]
    assert len(set(same)) == 1
    assert await count(runtime, referrals) == 3


async def test_the_same_patient_and_drug_in_one_moment_are_two_referrals_with_a_doubt(
    http, lakeside
):
    twins = [order(1, external_ids=[]), order(1, external_ids=[])]
    bodies = [answer.json() for answer in await post_all(http, twins)]
    doubts = [[finding["code"] for finding in body["findings"]] for body in bodies]
    assert sorted(doubts) == [[], ["duplicate_of_open_referral"]]


async def test_a_refused_one_leaves_its_neighbours_alone(http, lakeside, runtime):
    orders = [order(1), order(2, clinic_id="nowhere"), order(3), order(4, clinic_id=None)]
    answers = await post_all(http, orders, keys=["a", "b", "c", "d"])
    assert [answer.status_code for answer in answers] == [201, 422, 201, 422]
    assert answers[1].json()["errors"][0]["pointer"] == "/clinic_id"
    assert await count(runtime, referrals) == 2
    assert await count(runtime, idempotency_keys) == 2


async def test_repeats_among_new_ones_get_the_answer_that_was_given(http, lakeside, runtime):
    before = await post_all(http, [order(1), order(2)], keys=["one", "two"])
    replayed, new, reused = await post_all(
        http, [order(1), order(3), order(9)], keys=["one", "three", "two"]
    )
    assert (replayed.status_code, replayed.json()) == (201, before[0].json())
    assert replayed.headers["Idempotent-Replayed"] == "true"
    assert (new.status_code, reused.status_code) == (201, 422)
    assert reused.json()["code"] == "idempotency_key_reused"
    assert await count(runtime, referrals) == 3


async def test_orders_of_several_clinics_share_a_transaction_and_keep_to_their_own(
    http, lakeside, runtime
):
    assert (
        await http.put("/v1/clinics/hillside", json=clinic_json(hl7_links=[]))
    ).status_code == 201
    orders = [order(1), order(1, clinic_id="hillside"), order(2), order(2, clinic_id="hillside")]
    answers = await post_all(http, orders)
    assert [answer.status_code for answer in answers] == [201] * 4
    assert [answer.json()["clinic_id"] for answer in answers] == ["lakeside", "hillside"] * 2
    async with runtime.db.read() as tx:
        values = (await tx.scalars(select(outbox.c.value).order_by(outbox.c.id))).all()
    told = [Envelope.model_validate_json(value).data["clinic_id"] for value in values]
    assert sorted(told) == ["hillside"] * 3 + ["lakeside"] * 3
