"""The hot path beside the whole way: the same rows, and nothing that is not new or not as decided."""

import pytest
from sqlalchemy import text
from tests.emr_bridge.builders import (
    connected,
    link,
    listening,
    messages_of,
    referral,
    verdict,
    with_link,
)

from emr_bridge.handlers.receive import prepare
from emr_bridge.handlers.senders import all_senders
from emr_bridge.store import links, messages
from emr_bridge.store.arrivals import arrivals_of


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request):
    return request.param


@pytest.fixture
async def arrivals(runtime):
    made = arrivals_of(runtime.db)
    yield made
    await made.close()


async def prepared(runtime, *raws):
    async with runtime.db.read() as tx:
        senders = await all_senders(tx)
    now = runtime.clock()
    rows = [prepare(raw, senders, sealer=runtime.sealer, now=now) for raw in raws]
    return rows, senders.revision


async def test_what_is_added_reads_like_what_sqlalchemy_writes(runtime, arrivals):
    await with_link(runtime)
    told = (referral("M-1"), referral("M-2"), b"hello", referral("M-3"))
    rows, revision = await prepared(runtime, *told)
    assert await arrivals.add([rows[0], rows[2]], revision=revision) == set()
    assert await arrivals.add(rows[3:], revision=revision) == set()
    async with runtime.db.begin() as tx:
        assert await messages.add_all(tx, rows[1:2]) == {rows[1].id}
    kept = {row["id"]: row for row in await messages_of(runtime)}
    for row in rows:
        found = kept[row.id]
        assert {name: found[name] for name in row._fields} == row._asdict()
        assert (found["duplicates"], found["announced"]) == (0, False)


async def test_a_key_that_is_there_is_left_to_the_whole_way(runtime, arrivals):
    (first,), revision = await prepared(runtime, referral())
    assert await arrivals.add([first], revision=revision) == set()
    again, _ = await prepared(runtime, referral(), referral("M-2"), referral("M-2"))
    assert await arrivals.add(again[:1], revision=revision) == {again[0].id}
    assert await arrivals.add(again, revision=revision) == {again[0].id, again[2].id}
    assert {row["id"] for row in await messages_of(runtime)} == {first.id, again[1].id}


async def test_nothing_is_added_by_links_that_are_no_longer_so(runtime, arrivals):
    """INVARIANT: what was decided by old links is decided again; adding it all the same breaks this."""
    rows, revision = await prepared(runtime, referral(), referral("M-2"))
    await with_link(runtime)
    for some in (rows, rows[:1]):
        assert await arrivals.add(some, revision=revision) == {row.id for row in some}
        assert await arrivals.add(some, revision=None) == {row.id for row in some}
    assert await messages_of(runtime) == []


async def test_links_that_another_replica_changed_are_the_next_messages(runtime):
    await with_link(runtime)
    async with listening(runtime) as listener, connected(listener) as peer:
        for number in range(3):
            await peer.ask(referral(f"M-{number}"))
        moved = link(id="north-clinic/cerner")
        async with runtime.db.begin() as tx:
            await links.replace(tx, moved.clinic_id, [moved])
        await peer.ask(referral("M-3"))
        async with runtime.db.begin() as tx:
            await links.replace(tx, moved.clinic_id, [])
        await peer.ask(referral("M-4"))
    found = [row["link_id"] for row in sorted(await messages_of(runtime), key=lambda r: r["id"])]
    assert found == [*["north-clinic/epic"] * 3, "north-clinic/cerner", None]


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_a_connection_that_the_server_ends_costs_no_message(runtime):
    await with_link(runtime)
    async with listening(runtime) as listener, connected(listener) as peer:
        for number in range(2):
            assert verdict(await peer.ask(referral(f"M-{number}")))[0] == "AA"
        await end_others(runtime)
        answers = [await peer.ask(referral("M-2")) for _ in range(2)]
        assert b"|207^" in answers[0] or verdict(answers[0])[0] == "AA"
        assert verdict(answers[1])[0] == "AA"
    assert len(await messages_of(runtime)) == 3


async def end_others(runtime):
    """Have the server end every other connection to this database."""
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    async with runtime.db.begin() as tx:
        found = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"
        await tx.execute(text(found))
