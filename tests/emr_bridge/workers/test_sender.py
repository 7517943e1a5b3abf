"""Sending over real sockets to an EMR that answers by script."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from tests.emr_bridge.builders import CLINIC, events, link, messages_of, referral, rows_of, until
from tests.emr_bridge.sending import (
    REFERRAL,
    ask,
    emr_server,
    go,
    linked,
    one_row,
    sender_for,
    stepping,
    take_back,
)

from common.events.emr import MessageDelivered, MessageNotDelivered
from common.events.referral import Appointment
from emr_bridge.formats.hl7v2.reader import read
from emr_bridge.handlers import request
from emr_bridge.handlers.receive import receive
from emr_bridge.store import links
from emr_bridge.store.messages import attach_referrals
from emr_bridge.store.tables import links as links_table
from emr_bridge.store.tables import outbound, outbound_attempts
from emr_bridge.workers.interpreter import interpret_next
from simulators.emr import accept, drop, reject, silent, slow, wrong_id


@pytest.fixture
def sender(hasty):
    return hasty


async def test_a_notice_is_sent_and_its_acknowledgement_told(runtime, emr, sender):
    await linked(runtime, emr)
    asked = await ask(runtime)
    await go(sender)
    (received,) = emr.received
    row = await one_row(runtime)
    (event,) = await events(runtime)
    assert event == MessageDelivered(
        occurred_at=runtime.clock(),
        delivery_id=asked.delivery_id,
        referral_id=REFERRAL,
        control_id=received.control_id,
        acknowledgement="AA",
        attempts=1,
    )
    assert (row["state"], row["control_id"]) == ("delivered", received.control_id)
    attempt = await one_row(runtime, outbound_attempts)
    assert (attempt["number"], attempt["verdict"]) == (1, "delivered")
    answer = runtime.sealer.unseal_bytes(attempt["answer"], f"attempt:{attempt['id']}")
    assert answer == received.answers[0]
    assert b"ZZTEST" not in row["message"]
    await go(sender)
    assert len(emr.received) == 1


async def test_the_same_request_twice_is_sent_once(runtime, emr, sender):
    await linked(runtime, emr)
    asked = await ask(runtime)
    async with runtime.db.begin() as tx:
        await request.request_delivery(tx, asked, runtime.clock())
    await go(sender)
    assert len(emr.received) == 1


async def test_a_commit_acknowledgement_counts_as_delivered(runtime, emr, sender):
    await linked(runtime, emr)
    await emr.follow(accept("CA"))
    await ask(runtime)
    await go(sender)
    (event,) = await events(runtime)
    assert event.acknowledgement == "CA"


@pytest.mark.parametrize("there_is", ["nothing", "no host"])
async def test_without_a_link_that_can_be_sent_to_the_answer_is_no_link(runtime, there_is, sender):
    if there_is == "no host":
        async with runtime.db.begin() as tx:
            await links.replace(tx, CLINIC, [link()])
    asked = await ask(runtime)
    async with runtime.db.begin() as tx:
        await request.request_delivery(tx, asked, runtime.clock())
    (event,) = await events(runtime)
    assert (event.verdict, event.attempts) == ("no_link", 0)
    await go(sender)
    assert len(await events(runtime)) == 1


async def test_a_link_taken_away_while_a_notice_waits_ends_it(runtime, emr, sender):
    await linked(runtime, emr)
    await ask(runtime)
    async with runtime.db.begin() as tx:
        await links.replace(tx, CLINIC, [])
    await go(sender)
    (event,) = await events(runtime)
    assert event.verdict == "no_link"
    assert emr.received == []


async def test_an_appointment_follows_its_report_as_a_booking(runtime, emr, sender):
    await linked(runtime, emr)
    booked = Appointment(id=uuid4(), kind="delivery", starts_at=runtime.clock())
    await ask(runtime, notice="referral_scheduled", appointment=booked)
    await go(sender)
    kinds = [read(one.message).first("MSH").field(9) for one in emr.received]
    assert kinds == ["ORU^R01^ORU_R01", "SIU^S12^SIU_S12"]
    assert len(await events(runtime)) == 1


async def test_when_the_report_is_refused_its_booking_is_not_sent(runtime, emr, sender):
    await linked(runtime, emr)
    await emr.follow(reject("AE", error="101"))
    booked = Appointment(id=uuid4(), kind="delivery", starts_at=runtime.clock())
    await ask(runtime, notice="referral_scheduled", appointment=booked)
    await go(sender)
    assert len(emr.received) == 1
    assert [row["state"] for row in await rows_of(runtime, outbound)] == ["parked", "given_up"]


async def test_a_refused_booking_changes_nothing_about_the_delivery(runtime, emr, sender):
    await linked(runtime, emr)
    await emr.follow(accept(), reject("AR", error="200"))
    booked = Appointment(id=uuid4(), kind="delivery", starts_at=runtime.clock())
    await ask(runtime, notice="referral_scheduled", appointment=booked)
    await go(sender)
    (event,) = await events(runtime)
    assert isinstance(event, MessageDelivered)
    assert [row["state"] for row in await rows_of(runtime, outbound)] == ["delivered", "parked"]


async def test_a_refusal_of_content_is_told_with_its_codes_and_others_go_on(runtime, emr, sender):
    await linked(runtime, emr)
    await emr.follow(reject("AE", error="101"))
    await ask(runtime)
    await ask(runtime, referral_id=uuid4())
    await go(sender)
    refused, delivered = await events(runtime)
    assert (refused.verdict, refused.code, refused.attempts) == ("refused", "AE 101", 1)
    assert isinstance(delivered, MessageDelivered)


async def test_a_passing_refusal_is_retried_later_with_the_same_bytes(runtime, emr, sender, clock):
    await linked(runtime, emr)
    await emr.follow(reject("AR", error="207"), reject("AE", error="206"))
    await ask(runtime)
    await go(sender)
    assert await events(runtime) == []
    await go(sender)
    assert len(emr.received) == 1
    await go(sender, clock=clock, after=timedelta(seconds=1))
    await go(sender, clock=clock, after=timedelta(seconds=2))
    assert len({one.message for one in emr.received}) == 1
    assert len(emr.received) == 3
    (event,) = await events(runtime)
    assert event.attempts == 3


async def test_ten_passing_refusals_are_enough(runtime, emr, sender, clock):
    await linked(runtime, emr)
    await emr.follow(then=reject("AR", error="207"))
    await ask(runtime)
    for _ in range(15):
        await go(sender, clock=clock, after=timedelta(minutes=1))
    (event,) = await events(runtime)
    assert (event.verdict, event.code, event.attempts) == ("unreachable", "AR 207", 10)
    assert len(emr.received) == 10


@pytest.mark.parametrize("step", [silent(), drop()])
async def test_no_answer_is_ambiguous_and_the_same_bytes_go_again(
    runtime, emr, sender, clock, step
):
    await linked(runtime, emr)
    await emr.follow(step)
    await ask(runtime)
    await go(sender)
    assert (await one_row(runtime))["state"] == "waiting"
    await go(sender, clock=clock, after=timedelta(seconds=1))
    first, second = emr.received
    assert first.message == second.message
    (event,) = await events(runtime)
    assert event.attempts == 2
    verdicts = [row["verdict"] for row in await rows_of(runtime, outbound_attempts)]
    assert verdicts[0] in ("unanswered_timeout", "unanswered_reset")


async def test_an_answer_to_another_message_is_ignored(runtime, emr, sender):
    await linked(runtime, emr)
    await emr.follow(wrong_id())
    await ask(runtime)
    await go(sender)
    (event,) = await events(runtime)
    assert event.attempts == 1
    assert isinstance(event, MessageDelivered)


async def test_a_late_answer_is_not_taken_for_the_next_message(runtime, emr, sender, clock):
    await linked(runtime, emr)
    await emr.follow(slow(0.5, "AE"))
    await ask(runtime)
    await go(sender)
    await go(sender, clock=clock, after=timedelta(seconds=1))
    (event,) = await events(runtime)
    assert isinstance(event, MessageDelivered)


async def test_an_emr_that_is_down_is_left_alone_for_longer_each_time(runtime, emr, sender, clock):
    await linked(runtime, emr)
    await emr.stop()
    await ask(runtime)
    await ask(runtime, referral_id=uuid4())
    rests = []
    row: dict[str, Any] = {}
    for _ in range(8):
        await go(sender)
        row = await one_row(runtime, links_table)
        rests.append((row["next_attempt_at"] - clock()).total_seconds())
        clock.set(row["next_attempt_at"])
    assert rests == [1, 2, 4, 8, 16, 32, 60, 60]
    assert row["down_since"] is not None
    assert row["last_error"] == "refused"
    await emr.start()
    await go(sender)
    assert len(emr.received) == 2
    row = await one_row(runtime, links_table)
    assert (row["failures"], row["down_since"], row["last_error"]) == (0, None, None)
    assert [type(event) for event in await events(runtime)] == [MessageDelivered] * 2


async def test_after_a_day_an_emr_that_is_down_is_unreachable(runtime, emr, sender, clock):
    await linked(runtime, emr)
    await emr.stop()
    await ask(runtime)
    await go(sender)
    await go(sender, clock=clock, after=timedelta(hours=25))
    (event,) = await events(runtime)
    assert event.verdict == "unreachable"


async def test_a_referrals_messages_keep_their_order_while_others_go_on(
    runtime, emr, sender, clock
):
    await linked(runtime, emr)
    await emr.follow(reject("AR", error="207"))
    first = await ask(runtime)
    second = await ask(runtime)
    other = await ask(runtime, referral_id=uuid4())
    await go(sender)
    await go(sender, clock=clock, after=timedelta(seconds=1))
    told = [event.delivery_id for event in await events(runtime)]
    assert told == [other.delivery_id, first.delivery_id, second.delivery_id]


async def test_only_one_message_is_in_flight_on_a_link(runtime, emr, sender):
    await linked(runtime, emr)
    await emr.follow(then=slow(0.02))
    for _ in range(5):
        await ask(runtime, referral_id=uuid4())
    async with stepping(sender, emr):
        await sender.step()
        for _ in range(20):
            rows = await rows_of(runtime, outbound)
            assert sum(row["state"] == "sending" for row in rows) <= 1
    assert len(emr.received) == 5


async def test_a_second_process_does_not_send_on_a_link_that_is_held(runtime, emr, sender):
    await linked(runtime, emr)
    await emr.follow(then=slow(0.1))
    await ask(runtime)
    other = sender_for(runtime)
    async with stepping(sender, emr):
        await other.step()
        assert other._tasks == {}
    assert len(emr.received) == 1


async def test_killed_between_sending_and_recording_the_same_bytes_go_again(
    runtime, emr, sender, clock
):
    """INVARIANT: what was built is stored before it is sent; building it anew breaks this."""
    await linked(runtime, emr)
    await emr.follow(slow(5))
    await ask(runtime)
    await sender.step()
    await until(lambda: emr.received)
    for task in sender._tasks.values():
        task.cancel()
    await asyncio.wait(list(sender._tasks.values()))
    assert (await one_row(runtime))["state"] == "sending"
    clock.advance(timedelta(minutes=5))
    after_restart = sender_for(runtime)
    await after_restart.step()
    await after_restart.idle()
    await after_restart._drain()
    first, second = emr.received
    assert first.message == second.message
    (event,) = await events(runtime)
    assert (event.attempts, event.control_id) == (2, first.control_id)


async def test_a_record_of_a_lost_lease_changes_nothing(runtime, emr, sender, clock):
    await linked(runtime, emr)
    await emr.follow(slow(0.2))
    await ask(runtime)
    async with stepping(sender, emr):
        clock.advance(timedelta(minutes=5))
        other = sender_for(runtime)
        await other.step()
        await other.idle()
    await other._drain()
    assert len(await events(runtime)) == 1
    assert len(emr.received) == 2


async def test_a_delivery_that_waits_is_withdrawn_at_once(runtime, emr, sender):
    await linked(runtime, emr)
    booked = Appointment(id=uuid4(), kind="delivery", starts_at=runtime.clock())
    asked = await ask(runtime, notice="referral_scheduled", appointment=booked)
    await take_back(runtime, asked)
    await take_back(runtime, asked)
    await go(sender)
    (event,) = await events(runtime)
    assert (event.verdict, event.attempts) == ("withdrawn", 0)
    assert emr.received == []
    states = [row["state"] for row in await rows_of(runtime, outbound)]
    assert states == ["withdrawn", "given_up"]


async def test_a_delivery_that_was_sent_unanswered_is_not_sent_again_once_withdrawn(
    runtime, emr, sender, clock
):
    await linked(runtime, emr)
    await emr.follow(silent())
    asked = await ask(runtime)
    await go(sender)
    await take_back(runtime, asked)
    await go(sender, clock=clock, after=timedelta(minutes=1))
    (event,) = await events(runtime)
    assert (event.verdict, event.attempts) == ("withdrawn", 1)
    assert len(emr.received) == 1


@pytest.mark.parametrize(
    ("step", "kind", "verdict"),
    [
        (slow(0.1), MessageDelivered, None),
        (silent(), MessageNotDelivered, "withdrawn"),
        (reject("AR", error="207"), MessageNotDelivered, "withdrawn"),
    ],
)
async def test_withdrawn_in_flight_the_answer_of_that_attempt_still_counts(
    runtime, emr, sender, step, kind, verdict
):
    await linked(runtime, emr)
    await emr.follow(replace_seconds(step))
    asked = await ask(runtime)
    async with stepping(sender, emr):
        await take_back(runtime, asked)
    (event,) = await events(runtime)
    assert type(event) is kind
    assert getattr(event, "verdict", None) == verdict
    assert len(emr.received) == 1


def replace_seconds(step):
    """A refusal must take a moment, or it is over before it can be withdrawn."""
    return slow(0.1, "AR") if step.code == "AR" else step


async def test_withdrawn_after_a_kill_in_flight_it_is_not_sent_again(runtime, emr, sender, clock):
    await linked(runtime, emr)
    await emr.follow(slow(5))
    asked = await ask(runtime)
    await sender.step()
    await until(lambda: emr.received)
    for task in sender._tasks.values():
        task.cancel()
    await asyncio.wait(list(sender._tasks.values()))
    await take_back(runtime, asked)
    clock.advance(timedelta(minutes=5))
    other = sender_for(runtime)
    await other.step()
    await other.idle()
    await other._drain()
    (event,) = await events(runtime)
    assert event.verdict == "withdrawn"
    assert len(emr.received) == 1


async def test_what_was_delivered_or_is_unknown_cannot_be_withdrawn(runtime, emr, sender):
    await linked(runtime, emr)
    asked = await ask(runtime)
    await take_back(runtime, asked.model_copy(update={"delivery_id": uuid4()}))
    await go(sender)
    await take_back(runtime, asked)
    (event,) = await events(runtime)
    assert isinstance(event, MessageDelivered)


async def test_what_cannot_be_built_is_told_and_holds_nobody_up(runtime, emr, sender):
    await linked(runtime, emr)
    bare = (await ask(runtime)).model_copy(update={"sealed": None, "delivery_id": uuid4()})
    async with runtime.db.begin() as tx:
        await request.request_delivery(tx, bare, runtime.clock())
    await ask(runtime)
    await go(sender)
    told = [getattr(event, "verdict", "delivered") for event in await events(runtime)]
    assert told == ["delivered", "unbuildable", "delivered"]


async def test_a_link_that_moved_is_reached_at_its_new_address(runtime, emr, sender):
    await linked(runtime, emr)
    await ask(runtime)
    await go(sender)
    async with emr_server() as moved:
        await linked(runtime, moved)
        await ask(runtime)
        await go(sender)
        assert len(moved.received) == 1


async def test_a_closed_idle_connection_is_opened_again_without_a_lost_try(runtime, emr, sender):
    await linked(runtime, emr)
    await ask(runtime)
    await go(sender)
    await emr.stop()
    await emr.start()
    await asyncio.sleep(0.05)
    await ask(runtime)
    await go(sender)
    assert [event.attempts for event in await events(runtime)] == [1, 1]


async def test_the_link_that_the_referral_came_by_is_preferred(runtime, emr, sender):
    other = replace(link(host="127.0.0.1", port=1), id=f"{CLINIC}/a-first")
    await linked(runtime, emr, other)
    await ask(runtime)
    assert (await one_row(runtime))["link_id"] == other.id


async def test_the_loop_sends_what_comes_and_stops_with_its_exchange_ended(runtime, emr, sender):
    await linked(runtime, emr)
    running = asyncio.create_task(sender.run())
    await emr.follow(slow(0.1))
    await ask(runtime)
    await until(lambda: emr.received)
    running.cancel()
    await asyncio.wait([running])
    (event,) = await events(runtime)
    assert isinstance(event, MessageDelivered)


async def test_trouble_on_one_link_is_logged_and_the_loop_goes_on(runtime, emr):
    def refuse(link, unasked):
        raise ValueError("no such transport")

    sender = replace(sender_for(runtime), connect=refuse)
    await linked(runtime, emr)
    await ask(runtime)
    await go(sender)
    assert sender._tasks == {}
    assert (await one_row(runtime))["state"] == "sending"


async def test_a_notice_echoes_the_numbers_of_the_message_that_the_referral_came_by(
    runtime, emr, sender
):
    first_by_id = replace(link(host="127.0.0.1", port=1), id=f"{CLINIC}/a-first")
    came_by = replace(link(host=emr.host, port=emr.port), sending_facility="NORTH")
    async with runtime.db.begin() as tx:
        await links.replace(tx, CLINIC, [replace(first_by_id, sending_facility="X"), came_by])
        raw = referral(number="RF-1^EPIC^^").replace(b"77^^^NORTH^MR", b"77^^^NORTH^MR~8^^^S^^")
        await receive(tx, [raw], sealer=runtime.sealer, now=runtime.clock())
    await interpret_next(runtime)
    (message,) = await messages_of(runtime)
    async with runtime.db.begin() as tx:
        await attach_referrals(tx, [(message["id"], REFERRAL)])
    await ask(runtime)
    await go(sender)
    (received,) = emr.received
    sent = read(received.message)
    assert sent.first("PID").field(3) == "77^^^NORTH^MR~8^^^S^^"
    assert sent.first("ORC").field(2) == "RF-1^EPIC^^"
    assert sent.first("OBR").field(2) == "RF-1^EPIC^^"
