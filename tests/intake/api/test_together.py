"""Several callers at once, commits that fail, and random walks through the door."""

import asyncio
import random

import pytest
from sqlalchemy import text
from tests.intake.api.test_commands import BODIES
from tests.intake.builders import submission_json

from intake.domain.commands import Command
from intake.domain.referral import NEXT, Status

BROKEN = {
    "sqlite": [
        "CREATE TRIGGER broken BEFORE INSERT ON outbox BEGIN SELECT RAISE(FAIL, 'full'); END"
    ],
    "postgresql": ['ALTER TABLE outbox ADD CONSTRAINT "full" CHECK (false) NOT VALID'],
}
"""The outbox takes nothing any more."""


async def test_of_parallel_moves_one_is_made(http, submitted, told):
    """INVARIANT: a move is made once, however many ask for it at the same time."""
    url = f"{submitted['links']['self']}/accept"
    answers = await asyncio.gather(*(http.post(url) for _ in range(8)))
    assert sorted(a.status_code for a in answers) == [200] + [409] * 7
    assert (await told()).count("referral.accepted.v1") == 1


async def test_of_parallel_submissions_of_one_order_one_is_made(http, lakeside, told):
    answers = await asyncio.gather(
        *(http.post("/v1/referrals", json=submission_json()) for _ in range(6))
    )
    assert sorted(a.status_code for a in answers) == [200] * 5 + [201]
    assert await told() == ["referral.received.v1"]


async def test_an_answer_is_given_only_after_the_commit(http, submitted, runtime, told):
    """INVARIANT: answering before the commit would say 200 of a move that is not kept."""
    async with runtime.db.begin() as tx:
        for statement in BROKEN[runtime.db.dialect]:
            await tx.execute(text(statement))
    with pytest.raises(Exception, match="full"):
        await http.post(f"{submitted['links']['self']}/accept")
    after = (await http.get(submitted["links"]["self"])).json()
    assert after == submitted
    assert await told() == ["referral.received.v1"]


@pytest.mark.parametrize("seed", range(3))
async def test_a_random_walk_through_the_door_never_leaves_the_table(http, submitted, seed):
    """INVARIANT: what is allowed is done, what is not is a 409 that changes nothing."""
    chance, itself = random.Random(seed), submitted["links"]["self"]
    view, commands = submitted, sorted(set(Command) - {Command.PRIOR_AUTHORIZATION})
    ends = {"decline", "transfer", "cancel"}
    for step in range(60):
        command = chance.choice([c for c in commands if step > 40 or c not in ends])
        answer = await http.post(f"{itself}/{command}", json=_body(command))
        after = (await http.get(itself)).json()
        if command in view["allowed_commands"]:
            assert answer.status_code == 200, (command, answer.text)
            _follows(view["status"], after["status"], command)
        else:
            assert (answer.status_code, after) == (409, view)
        view = after


def _body(command):
    return {"how": "picked_up"} if command == "activate" else BODIES.get(command)


def _follows(before, after, command):
    two_moves = command == "schedule" and after == "scheduled"
    assert before == after or Status(after) in NEXT[Status(before)] or two_moves
