"""An application's answer at our own listener: kept, recorded with its keeping, and never answered."""

from tests.emr_bridge.builders import (
    connected,
    events,
    listening,
    messages_of,
    referral,
    until,
    verdict,
)
from tests.emr_bridge.sending import ask, go, linked, states

from simulators.emr import accept
from simulators.emr.acknowledgement import acknowledge, read_header


async def test_an_aa_after_the_ca_closes_the_loop_and_gets_no_answer(runtime, emr, sender):
    await linked(runtime, emr, dialect={"application_ack": True})
    await emr.follow(accept("CA"))
    await ask(runtime)
    await go(sender)
    answer = acknowledge(read_header(emr.received[0].message), "AA")
    async with listening(runtime) as listener, connected(listener) as peer:
        before = runtime.db.committed.count
        await peer.send(answer)
        await until(lambda: runtime.db.committed.count > before)
        await peer.send(referral())
        (only,) = await peer.receive()
        assert verdict(only) == ("AA", "M-1")
    assert await states(runtime) == ["delivered"]
    told = [event for event in await events(runtime) if event.type == "emr.message_delivered.v1"]
    assert [event.acknowledgement for event in told] == ["AA"]
    kept = [row["state"] for row in await messages_of(runtime)]
    assert sorted(kept) == ["ignored", "received"]


async def test_the_same_answer_twice_is_kept_and_told_once(runtime, emr, sender):
    await linked(runtime, emr, dialect={"application_ack": True})
    await emr.follow(accept("CA"))
    await ask(runtime)
    await go(sender)
    answer = acknowledge(read_header(emr.received[0].message), "AA")
    async with listening(runtime) as listener, connected(listener) as peer:
        await peer.send(answer, answer, referral())
        await peer.receive()
    told = [event for event in await events(runtime) if event.type == "emr.message_delivered.v1"]
    assert len(told) == 1
    assert len(await messages_of(runtime)) == 2


async def test_a_strangers_answer_changes_nothing(runtime, emr, sender):
    await linked(runtime, emr, dialect={"application_ack": True})
    await emr.follow(accept("CA"))
    await ask(runtime)
    await go(sender)
    answer = acknowledge(read_header(emr.received[0].message), "AA").replace(b"NORTH", b"SOUTH")
    async with listening(runtime) as listener, connected(listener) as peer:
        await peer.send(answer, referral())
        await peer.receive()
    assert await states(runtime) == ["committed"]
