"""Every row of the table of answers, over real sockets: what is told, what is kept, who waits."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text
from tests.emr_bridge.builders import CLINIC, events, rows_of, until
from tests.emr_bridge.sending import (
    ask,
    go,
    linked,
    one_row,
    sender_for,
    states,
    stepping,
    take_back,
)

from common.events.emr import MessageDelivered, MessageNotDelivered
from common.events.referral import Appointment
from emr_bridge.handlers import acknowledge
from emr_bridge.handlers.outcome import Means
from emr_bridge.store import condition
from emr_bridge.store.tables import links as links_table
from emr_bridge.store.tables import outbound, outbound_attempts
from simulators.emr import accept, commit_then, reject, silent, slow
from simulators.emr.acknowledgement import acknowledge as peer_says
from simulators.emr.acknowledgement import read_header as peer_reads

HELD = {"nack": "hold-link"}
STRICT = {"application_ack": True}


async def answered(runtime, raw, link_id):
    """Hand an application's answer in as the inbound door does."""
    async with runtime.db.begin() as tx:
        means = Means(runtime.sealer)
        return await acknowledge.take_answer(
            tx, raw, link_id=link_id, means=means, now=runtime.clock()
        )


def says(received, code="AA") -> bytes:
    return peer_says(peer_reads(received.message), code)


CONFIGURATION = [("AR", error, "parked") for error in ("200", "201", "202", "203")]
CONTENT = [("AE", e, "parked") for e in ("100", "101", "102", "103", "104", "198", "199", "205")]
PASSING = [("AE", error, "waiting") for error in ("206", "207")]
BY_PRESET = {
    "by-definition": {"AE": "parked", "AR": "waiting", "CE": "waiting", "CR": "parked"},
    "e-final": {"AE": "parked", "AR": "waiting", "CE": "parked", "CR": "waiting"},
    "r-final": {"AE": "waiting", "AR": "parked", "CE": "waiting", "CR": "parked"},
    "hold-link": {"AE": "parked", "AR": "waiting", "CE": "waiting", "CR": "parked"},
}


@pytest.mark.parametrize(("code", "error", "state"), CONFIGURATION + CONTENT + PASSING)
async def test_a_refusal_with_an_error_code_means_what_the_table_says(
    runtime, emr, sender, code, error, state
):
    await linked(runtime, emr)
    await emr.follow(reject(code, error=error))
    await ask(runtime)
    await go(sender)
    row = await one_row(runtime)
    assert (row["state"], row["last_code"]) == (state, f"{code} {error}")
    told = [event.verdict for event in await events(runtime)]
    assert told == (["refused"] if state == "parked" else [])


@pytest.mark.parametrize(
    ("preset", "code", "state"),
    [(preset, code, state) for preset, by in BY_PRESET.items() for code, state in by.items()],
)
async def test_a_refusal_without_one_means_what_the_links_preset_says(
    runtime, emr, sender, preset, code, state
):
    await linked(runtime, emr, dialect={"nack": preset})
    await emr.follow(reject(code, error=""))
    await ask(runtime)
    await go(sender)
    row = await one_row(runtime)
    assert (row["state"], row["last_code"]) == (state, code)


async def test_what_is_parked_holds_up_nobody_and_is_told_at_once(runtime, emr, sender):
    await linked(runtime, emr)
    await emr.follow(reject("AE", error="102"))
    await ask(runtime)
    await ask(runtime)
    await ask(runtime, referral_id=uuid4())
    await go(sender)
    assert await states(runtime) == ["parked", "delivered", "delivered"]
    assert isinstance((await events(runtime))[0], MessageNotDelivered)


async def test_three_configuration_faults_in_a_row_open_the_circuit(runtime, emr, sender, clock):
    await linked(runtime, emr)
    await emr.follow(then=reject("AR", error="200"))
    for _ in range(5):
        await ask(runtime, referral_id=uuid4())
    await go(sender)
    assert len(emr.received) == 3
    row = await one_row(runtime, links_table)
    assert (row["circuit"], row["faults"], row["last_answer"]) == ("open", 3, "AR 200")
    await go(sender, clock=clock, after=timedelta(minutes=4))
    assert len(emr.received) == 3
    await go(sender, clock=clock, after=timedelta(minutes=1))
    assert len(emr.received) == 4
    await emr.follow()
    await go(sender, clock=clock, after=timedelta(minutes=10))
    row = await one_row(runtime, links_table)
    assert (row["circuit"], row["faults"], row["last_answer"]) == (None, 0, "AA")
    assert await states(runtime) == ["parked"] * 4 + ["delivered"]


async def test_another_refusal_between_faults_keeps_the_circuit_closed(runtime, emr, sender):
    await linked(runtime, emr)
    fault, content = reject("AR", error="203"), reject("AE", error="101")
    await emr.follow(fault, fault, content, fault, fault)
    for _ in range(6):
        await ask(runtime, referral_id=uuid4())
    await go(sender)
    assert len(emr.received) == 6
    assert (await one_row(runtime, links_table))["circuit"] is None


async def test_a_circuit_that_is_closed_by_hand_sends_at_once(runtime, emr, sender):
    link = await linked(runtime, emr)
    await emr.follow(*[reject("AR", error="201")] * 3)
    for _ in range(4):
        await ask(runtime, referral_id=uuid4())
    await go(sender)
    async with runtime.db.begin() as tx:
        assert await condition.resume(tx, link.id)
        assert not await condition.resume(tx, "nobody/nothing")
    await go(sender)
    assert await states(runtime) == ["parked"] * 3 + ["delivered"]


async def test_in_strict_order_a_parked_message_holds_the_link(runtime, emr, sender, clock):
    await linked(runtime, emr, dialect=HELD)
    await emr.follow(reject("AE", error="101"))
    await ask(runtime)
    await ask(runtime, referral_id=uuid4())
    await go(sender)
    assert len(emr.received) == 1
    assert (await one_row(runtime, links_table))["circuit"] == "held"
    await go(sender, clock=clock, after=timedelta(hours=3, minutes=59))
    assert len(emr.received) == 1
    await go(sender, clock=clock, after=timedelta(minutes=1))
    assert await states(runtime) == ["parked", "delivered"]
    assert (await one_row(runtime, links_table))["circuit"] is None


async def test_ca_is_enough_where_no_application_answer_is_asked_for(runtime, emr, sender):
    await linked(runtime, emr)
    await emr.follow(commit_then("AE", seconds=0.05, error="101"))
    await ask(runtime)
    await go(sender)
    await until(lambda: len(emr.received[0].answers) == 2)
    await asyncio.sleep(0.05)
    await sender.idle()
    (event,) = await events(runtime)
    assert event.acknowledgement == "CA"
    assert await states(runtime) == ["delivered"]


@pytest.mark.parametrize(
    ("code", "state", "told"),
    [("AA", "delivered", "AA"), ("AE", "parked", "AE 101"), ("AR", "parked", "AR 101")],
)
async def test_where_it_is_asked_for_the_application_decides_after_the_commit(
    runtime, emr, sender, code, state, told
):
    await linked(runtime, emr, dialect=STRICT)
    await emr.follow(commit_then(code, seconds=0.1, error="101"))
    await ask(runtime)
    await go(sender)
    await heard(runtime, emr, sender)
    assert await states(runtime) == [state]
    (event,) = await events(runtime)
    assert (getattr(event, "acknowledgement", None) or event.code) == told


async def heard(runtime, emr, sender):
    """Wait until the application's answer to the first message is recorded."""
    await until(lambda: len(emr.received[0].answers) == 2)
    for _ in range(1000):
        await sender.idle()
        if (await one_row(runtime))["state"] not in ("committed", "sending"):
            return
        await asyncio.sleep(0.01)


async def test_an_aa_in_the_same_breath_as_the_ca_is_not_lost(runtime, emr, sender):
    """INVARIANT: whoever records the CA reads what the application said meanwhile."""
    await linked(runtime, emr, dialect=STRICT)
    await emr.follow(commit_then("AA"))
    await ask(runtime)
    await go(sender)
    await heard(runtime, emr, sender)
    (event,) = await events(runtime)
    assert event.acknowledgement == "AA"


async def test_other_messages_go_on_while_an_application_has_yet_to_answer(runtime, emr, sender):
    await linked(runtime, emr, dialect=STRICT)
    await emr.follow(accept("CA"), accept("AA"))
    await ask(runtime)
    await ask(runtime)
    await go(sender)
    assert await states(runtime) == ["committed", "delivered"]


async def test_an_application_may_answer_at_our_own_door(runtime, emr, sender):
    link = await linked(runtime, emr, dialect=STRICT)
    await emr.follow(accept("CA"))
    await ask(runtime)
    await go(sender)
    (received,) = emr.received
    assert not await answered(runtime, says(received), "another/link")
    assert not await answered(runtime, says(received), None)
    assert not await answered(runtime, received.message, link.id)
    assert not await answered(runtime, says(received).replace(b"MSA|AA|", b"MSA|AA|X"), link.id)
    assert await states(runtime) == ["committed"]
    assert await answered(runtime, says(received), link.id)
    assert await answered(runtime, says(received, "AE"), link.id)
    (event,) = await events(runtime)
    assert isinstance(event, MessageDelivered)
    assert await states(runtime) == ["delivered"]


async def test_an_answer_at_our_door_ends_an_exchange_that_was_cut_off(runtime, emr, hasty):
    link = await linked(runtime, emr)
    await emr.follow(silent())
    await ask(runtime)
    async with stepping(hasty, emr):
        assert await answered(runtime, says(emr.received[0]), link.id)
    assert await states(runtime) == ["delivered"]
    assert len(emr.received) == 1


async def test_an_answer_that_comes_after_the_timeout_spares_the_next_try(
    runtime, emr, hasty, clock
):
    link = await linked(runtime, emr)
    await emr.follow(silent())
    await ask(runtime)
    await go(hasty)
    assert await states(runtime) == ["waiting"]
    assert await answered(runtime, says(emr.received[0]), link.id)
    await go(hasty, clock=clock, after=timedelta(minutes=5))
    assert await states(runtime) == ["delivered"]
    assert len(emr.received) == 1


async def test_an_application_that_never_answers_leaves_the_message_parked(
    runtime, emr, sender, clock
):
    link = await linked(runtime, emr, dialect=STRICT)
    await emr.follow(accept("CA"))
    await ask(runtime)
    await go(sender)
    await go(sender, clock=clock, after=timedelta(minutes=9))
    assert await states(runtime) == ["committed"]
    await go(sender, clock=clock, after=timedelta(minutes=1))
    (event,) = await events(runtime)
    assert (event.verdict, event.code) == ("refused", "CA no_application_ack")
    assert len(emr.received) == 1
    assert await answered(runtime, says(emr.received[0], "AE"), link.id)
    assert await states(runtime) == ["parked"]
    assert await answered(runtime, says(emr.received[0]), link.id)
    assert await states(runtime) == ["delivered"]
    assert isinstance((await events(runtime))[-1], MessageDelivered)


async def test_withdrawn_after_its_commit_the_answer_still_counts_and_silence_ends_it(
    runtime, emr, sender, clock
):
    await linked(runtime, emr, dialect=STRICT)
    await emr.follow(accept("CA"))
    asked = await ask(runtime)
    await go(sender)
    await take_back(runtime, asked)
    assert await states(runtime) == ["committed"]
    await go(sender, clock=clock, after=timedelta(minutes=10))
    assert await states(runtime) == ["withdrawn"]


async def test_a_parked_message_that_the_clinic_has_by_another_way_is_put_away(
    runtime, emr, sender
):
    await linked(runtime, emr)
    await emr.follow(reject("AE", error="101"))
    asked = await ask(runtime)
    await go(sender)
    await take_back(runtime, asked)
    assert await states(runtime) == ["withdrawn"]
    assert [event.verdict for event in await events(runtime)] == ["refused"]


async def test_as_many_are_in_flight_as_the_link_allows_but_one_of_each_referral(runtime, emr):
    await linked(runtime, emr, dialect={"in_flight": 3})
    await emr.follow(slow(1), slow(1), slow(1))
    sender = sender_for(runtime, answer_seconds=5)
    first = uuid4()
    for referral_id in (first, first, uuid4(), uuid4(), uuid4()):
        await ask(runtime, referral_id=referral_id)
    async with stepping(sender, emr, count=3):
        on_their_way = [row for row in await rows_of(runtime, outbound) if row["attempts"]]
        assert len({row["referral_id"] for row in on_their_way}) == 3
        assert sorted(await states(runtime)) == ["sending"] * 3 + ["waiting"] * 2
    await sender._drain()
    assert await states(runtime) == ["delivered"] * 5


async def test_a_lease_is_renewed_while_an_answer_takes_longer_than_it_lasts(runtime, emr, clock):
    """INVARIANT: nobody else sends over a link whose owner lives, however slow the EMR is."""
    await linked(runtime, emr)
    await emr.follow(slow(1.5))
    await ask(runtime)
    owner = sender_for(runtime, answer_seconds=5, lease=timedelta(seconds=0.6))
    other = sender_for(runtime, answer_seconds=5, lease=timedelta(seconds=0.6))
    await owner.step()
    await until(lambda: emr.received)
    for _ in range(12):
        clock.advance(timedelta(seconds=0.1))
        await asyncio.sleep(0.1)
        await other.step()
    assert other._tasks == {}
    await owner.idle()
    await owner._drain()
    assert len(emr.received) == 1
    assert await states(runtime) == ["delivered"]


async def test_who_dies_lets_a_link_go_within_the_lease(runtime, emr, sender, clock):
    await linked(runtime, emr)
    await emr.follow(slow(30))
    await ask(runtime)
    await sender.step()
    await until(lambda: emr.received)
    for task in sender._tasks.values():
        task.cancel()
    await asyncio.wait(list(sender._tasks.values()))
    await emr.follow()
    heir = sender_for(runtime)
    await go(heir, clock=clock, after=timedelta(seconds=16))
    await heir._drain()
    assert await states(runtime) == ["delivered"]
    first, second = emr.received
    assert first.message == second.message
    attempts = await rows_of(runtime, outbound_attempts)
    assert [row["verdict"] for row in attempts] == [None, "delivered"]


async def test_the_clinics_appointments_stay_out_where_the_link_files_none(runtime, emr, sender):
    await linked(runtime, emr, dialect={"appointments": False})
    booked = Appointment(id=uuid4(), kind="delivery", starts_at=runtime.clock())
    await ask(runtime, notice="referral_scheduled", appointment=booked)
    await go(sender)
    assert [row["part"] for row in await rows_of(runtime, outbound)] == ["report"]
    assert CLINIC in (await one_row(runtime))["link_id"]


async def test_an_answer_that_cannot_be_recorded_leaves_the_message_to_its_deadline(
    runtime, emr, sender, clock
):
    await linked(runtime, emr, dialect=STRICT)
    await emr.follow(accept("CA"))
    await ask(runtime)
    await go(sender)
    async with runtime.db.begin() as tx:
        await tx.execute(text("ALTER TABLE outbox RENAME TO lost"))
    sender._hear((await one_row(runtime))["link_id"], says(emr.received[0]))
    await sender.idle()
    assert await states(runtime) == ["committed"]
    async with runtime.db.begin() as tx:
        await tx.execute(text("ALTER TABLE lost RENAME TO outbox"))
    await go(sender, clock=clock, after=timedelta(minutes=10))
    assert await states(runtime) == ["parked"]


async def test_what_is_no_answer_at_all_is_passed_over(runtime, emr, sender):
    await linked(runtime, emr)
    await ask(runtime)
    await go(sender)
    sender._hear((await one_row(runtime))["link_id"], b"hello")
    await sender.idle()
    assert await states(runtime) == ["delivered"]


async def test_a_link_in_strict_order_takes_one_at_a_time_whatever_it_says_else(
    runtime, emr, sender
):
    """INVARIANT: nothing is sent past a parked message: another's answer would have ended the wait."""
    await linked(runtime, emr, dialect=HELD | {"in_flight": 4})
    await emr.follow(reject("AE", error="101"), accept(), accept())
    for _ in range(3):
        await ask(runtime)
    await go(sender)
    assert sorted(await states(runtime)) == ["parked", "waiting", "waiting"]
