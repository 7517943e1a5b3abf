"""What was kept becomes exactly one fact, in the sender's order, whatever stops in between."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest
from sqlalchemy import update
from tests.emr_bridge.builders import (
    CLINIC,
    clinic_changed,
    events,
    link,
    messages_of,
    referral,
    rows_of,
    sample,
    with_link,
)

from common import metrics
from common.errors import CannotUnseal
from common.events.clinic import Hl7Link
from common.events.emr import (
    CancellationSubmitted,
    MessageReceived,
    ReferralSubmitted,
    ReviewRequested,
)
from common.events.referral import ReferralReceived
from common.events.submission import Submission
from common.ids import new_id
from common.verdicts import Heard
from emr_bridge.domain.message import State
from emr_bridge.formats.hl7v2.interpret.reading import Doubtful
from emr_bridge.formats.hl7v2.marks import Mark
from emr_bridge.handlers import follow, interpret, marks, record
from emr_bridge.handlers.receive import receive
from emr_bridge.store import gauges, readings
from emr_bridge.store import messages as kept
from emr_bridge.store.tables import correlations, messages
from emr_bridge.workers.interpreter import (
    OVERDUE_SECONDS,
    Left,
    give_way,
    interpret_next,
    interpreter,
)
from emr_bridge.workers.reading import Reader, understand_all


async def arrive(runtime, *raws):
    async with runtime.db.begin() as tx:
        outcomes = await receive(tx, raws, sealer=runtime.sealer, now=runtime.clock())
        return [outcome.answer for outcome in outcomes]


async def facts(runtime):
    return [one for one in await events(runtime) if not isinstance(one, MessageReceived)]


async def all_read(runtime):
    while await interpret_next(runtime):
        pass
    return await facts(runtime)


async def test_a_referral_is_submitted_sealed_with_its_clinic_and_its_time(runtime):
    link = await with_link(runtime)
    await arrive(runtime, referral())
    (event,) = await all_read(runtime)
    (row,) = await messages_of(runtime)
    assert isinstance(event, ReferralSubmitted)
    assert (event.message_id, event.clinic_id, event.link_id) == (row["id"], CLINIC, link.id)
    assert (event.sender, event.message_type) == ("EPIC|NORTH", "REF^I12")
    assert "ZZTEST" not in event.model_dump_json()
    submission = event.unsealed(runtime.sealer, Submission)
    assert submission is not None
    assert submission.patient.family_name == "ZZTESTPATIENT"
    assert submission.clinic_id == CLINIC
    assert submission.received_at == row["received_at"]
    assert (row["state"], row["became"]) == ("interpreted", "emr.referral_submitted.v1")


async def test_an_unknown_sender_is_kept_for_a_person(runtime):
    await arrive(runtime, referral())
    (event,) = await all_read(runtime)
    assert isinstance(event, ReviewRequested)
    assert (event.reason, event.clinic_id) == ("unknown_sender", None)
    (row,) = await messages_of(runtime)
    assert (row["state"], row["reason"]) == ("review", "unknown_sender")


async def test_a_sender_registered_after_the_message_came_is_known_when_it_is_read(runtime):
    await arrive(runtime, referral())
    await with_link(runtime)
    (event,) = await all_read(runtime)
    assert isinstance(event, ReferralSubmitted)
    (row,) = await messages_of(runtime)
    assert row["clinic_id"] == CLINIC


async def test_a_cancellation_names_the_senders_own_number(runtime):
    await with_link(runtime, sending_application="CERNER", sending_facility="SOUTHGI")
    await arrive(runtime, sample("orm_o01_cancel"))
    (event,) = await all_read(runtime)
    assert isinstance(event, CancellationSubmitted)
    assert (event.external_id, event.clinic_id) == ("PL-100", CLINIC)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (referral().split(b"PID")[0], "no_patient"),
        (referral() + referral("M-2"), "several_messages"),
        (referral(number="").replace(b"REF^I12", b"REF^I13"), "change_without_number"),
        (referral(number="").replace(b"REF^I12", b"REF^I14"), "cancellation_without_number"),
        (referral().replace(b"MSH|^~\\&|", b"MSH|^~\\&|") + b"ORC|NW|1\rORC|CA|2\r", None),
        (
            referral().replace(b"REF^I12^REF_I12", b"ORM^O01") + b"ORC|NW|1\rORC|CA|2\r",
            "mixed_orders",
        ),
    ],
)
async def test_what_cannot_be_read_is_a_review_with_its_reason(runtime, raw, reason):
    await with_link(runtime)
    await arrive(runtime, raw)
    (event,) = await all_read(runtime)
    assert getattr(event, "reason", None) == reason


async def test_every_message_taken_becomes_one_fact_in_the_order_of_the_sender(runtime):
    """INVARIANT: one AA, one fact; a message read twice or skipped breaks this."""
    await with_link(runtime)
    for number in range(250):
        await arrive(runtime, referral(f"M-{number}"))
    found = await all_read(runtime)
    kept_ids = [row["id"] for row in await messages_of(runtime)]
    assert [event.message_id for event in found] == sorted(kept_ids)
    assert not await interpret_next(runtime)


async def test_reading_says_whether_others_wait_and_wakes_nobody_who_has_nothing_to_do(runtime):
    """A reader that woke itself would look for messages after each of them a second time."""
    await with_link(runtime)
    await arrive(runtime, *(referral(f"M-{number}") for number in range(readings.MOST_WAITING + 1)))
    before = runtime.db.committed.count
    assert await interpret_next(runtime)
    assert not await interpret_next(runtime)
    assert len(await facts(runtime)) == readings.MOST_WAITING + 1
    assert runtime.db.committed.count == before


async def test_what_waited_for_too_long_is_overdue(runtime, clock):
    await with_link(runtime)
    await arrive(runtime, *(referral(f"M-{n}") for n in range(2 * readings.MOST_WAITING + 1)))
    left = [await interpret_next(runtime)]
    clock.advance(timedelta(seconds=OVERDUE_SECONDS + 1))
    left += [await interpret_next(runtime), await interpret_next(runtime)]
    assert left == [Left.SOME, Left.OVERDUE, Left.NOTHING]


async def test_a_reader_that_goes_on_reads_by_the_links_as_they_are_now(runtime):
    reader = Reader()
    await with_link(runtime)
    await arrive(runtime, referral("M-1"))
    await interpret_next(runtime, reader)
    await with_link(runtime, charset="iso8859-2")
    await arrive(runtime, referral("M-2").replace(b"Anna", b"\xb1nna"))
    await interpret_next(runtime, reader)
    _, event = await facts(runtime)
    assert event.unsealed(runtime.sealer, Submission).patient.given_names == ("\u0105nna",)


async def test_a_reader_that_was_overtaken_records_nothing(runtime):
    await with_link(runtime)
    await arrive(runtime, referral())
    async with runtime.db.read() as tx:
        (waiting,) = (await interpret.waiting(tx, sealer=runtime.sealer)).messages
    await all_read(runtime)
    async with runtime.db.begin() as tx:
        late = interpret.understand(waiting)
        await record.record(tx, [late], sealer=runtime.sealer, now=runtime.clock())
    assert len(await facts(runtime)) == 1
    assert len(await events(runtime)) == 2


async def test_a_stop_between_reading_and_recording_loses_nothing(runtime):
    await with_link(runtime)
    await arrive(runtime, referral())
    async with runtime.db.read() as tx:
        assert len((await interpret.waiting(tx, sealer=runtime.sealer)).messages) == 1
    assert len(await all_read(runtime)) == 1


async def test_large_messages_are_read_a_few_at_a_time(runtime):
    await with_link(runtime)
    heavy = b"NTE|1||" + b"x" * 14_000_000 + b"\r"
    for number in range(3):
        await arrive(runtime, referral(f"M-{number}") + heavy)
    async with runtime.db.read() as tx:
        oldest = await readings.waiting(tx)
    assert (len(oldest.rows), oldest.is_all) == (2, False)
    assert len(await all_read(runtime)) == 3


async def test_a_refused_or_conflicting_message_is_not_read(runtime):
    await with_link(runtime)
    await arrive(runtime, b"hello", referral(), referral(number="RF-2"))
    assert len(await all_read(runtime)) == 1


async def test_every_message_that_is_kept_is_announced_once_before_what_became_of_it(runtime):
    """INVARIANT: one row, one emr.message_received; announcing only what is read breaks this."""
    link = await with_link(runtime)
    answer = b"MSH|^~\\&|EPIC|NORTH|LOOP|PHARM|2026||ACK^I12|A-1|P|2.5.1\rMSA|AA|X\r"
    received_at = runtime.clock()
    await arrive(runtime, b"hello", answer, referral(), referral(), referral(number="RF-2"))
    runtime.clock.advance(timedelta(minutes=1))
    await all_read(runtime)
    assert not await interpret_next(runtime)
    rows = {row["id"]: row for row in await messages_of(runtime)}
    told = await events(runtime)
    announced = [event for event in told if isinstance(event, MessageReceived)]
    assert [event.message_id for event in announced] == sorted(rows)
    states = {rows[event.message_id]["state"] for event in announced}
    assert states == {"refused", "ignored", "interpreted", "conflicting"}
    kept = next(one for one in announced if rows[one.message_id]["state"] == "interpreted")
    assert kept == MessageReceived(
        occurred_at=received_at,
        message_id=kept.message_id,
        sender="EPIC|NORTH",
        link_id=link.id,
        message_type="REF^I12",
        control_id="M-1",
    )
    follows = told[told.index(kept) + 1]
    assert isinstance(follows, ReferralSubmitted)
    assert follows.message_id == kept.message_id


async def test_the_links_charset_is_used_where_the_message_names_none(runtime):
    await with_link(runtime, charset="iso8859-2")
    await arrive(runtime, referral().replace(b"Anna", b"\xb1nna"))
    (event,) = await all_read(runtime)
    assert event.unsealed(runtime.sealer, Submission).patient.given_names == ("\u0105nna",)


async def test_a_number_is_found_as_the_links_charset_has_it(runtime):
    raw = referral().replace(b"|77^", b"|77\xb1^")
    ((_, found),) = marks.read_marks([waiting_message(runtime, raw, charset="iso8859-2")])
    assert Mark("patient", "77\u0105") in found


async def test_the_senders_numbers_are_kept_for_what_we_send_later(runtime):
    await with_link(runtime)
    await arrive(runtime, referral())
    await all_read(runtime)
    (row,) = await rows_of(runtime, correlations)
    context = record.correlation_context(row["message_id"])
    assert row["placer"] == "RF-1"
    assert runtime.sealer.unseal_bytes(row["patient_ids"], context) == b"77^^^NORTH^MR"
    provider = runtime.sealer.unseal_bytes(row["provider"], f"{context}:provider")
    assert provider == b"1234567893^ZZTEST^Greta"
    referral_id = new_id()
    told = {
        "occurred_at": runtime.clock(),
        "referral_id": referral_id,
        "clinic_id": CLINIC,
        "code": "R4K7QM",
        "version": 1,
        "status": "received",
        "door": "hl7v2",
        "received_at": runtime.clock(),
    }
    async with runtime.db.begin() as tx:
        from_rest = ReferralReceived(**told)
        received = ReferralReceived(**told, source_message_id=row["message_id"])
        heard = [Heard(from_rest, None), Heard(received, None)]
        await follow.referrals_received(tx, heard, runtime.clock())
        found = await kept.correlation_of(tx, referral_id)
        assert found is not None
        assert found.placer == "RF-1"
        assert await kept.correlation_of(tx, new_id()) is None


async def test_a_clinics_links_follow_its_configuration(runtime):
    now = runtime.clock()
    epic = Hl7Link(id="epic", sending_application="EPIC", sending_facility="NORTH")
    async with runtime.db.begin() as tx:
        await follow.clinic_changed(tx, clinic_changed(now, epic), now)
    await arrive(runtime, referral("M-1"))
    moved = epic.model_copy(update={"sending_facility": "NORTH2"})
    async with runtime.db.begin() as tx:
        await follow.clinic_changed(tx, clinic_changed(now, moved), now)
    await arrive(runtime, referral("M-2"), referral("M-3", sender="EPIC|NORTH2"))
    async with runtime.db.begin() as tx:
        await follow.clinic_changed(tx, clinic_changed(now), now)
    await arrive(runtime, referral("M-4", sender="EPIC|NORTH2"))
    found = [row["link_id"] for row in await messages_of(runtime)]
    assert found == [f"{CLINIC}/epic", None, f"{CLINIC}/epic", None]


def waiting_message(runtime, raw, **of_link):
    return interpret.Waiting(
        id=new_id(),
        raw=raw,
        sender="A|B",
        control_id="M-1",
        message_type="REF^I12",
        state=State.RECEIVED,
        received_at=runtime.clock(),
        link=link(**of_link),
    )


async def test_a_defect_in_reading_makes_a_review_and_does_not_hold_the_queue(runtime):
    unreadable = waiting_message(runtime, raw=cast("bytes", None))
    assert interpret.understand(unreadable).reading == Doubtful("interpretation_failed")


async def test_reading_waits_for_the_end_of_a_rush_but_not_for_ever():
    looks = iter([True, True, False])
    await give_way(lambda: next(looks))
    assert next(looks, None) is None
    async with asyncio.timeout(10):
        await give_way(lambda: True)


async def test_a_rush_without_end_does_not_stop_the_reading(runtime):
    await with_link(runtime)
    await arrive(runtime, referral())
    reading = asyncio.create_task(interpreter(runtime, lambda: True))
    async with asyncio.timeout(10):
        while not await facts(runtime):  # noqa: ASYNC110 - what is in the database is asked for
            await asyncio.sleep(0.01)
    reading.cancel()
    await asyncio.wait([reading])


@pytest.mark.parametrize(("age", "looks"), [(0, 3), (OVERDUE_SECONDS + 1, 0)])
async def test_only_a_backlog_that_is_not_overdue_gives_way_to_a_rush(runtime, clock, age, looks):
    """Broken by giving way when it is overdue too: each look at a rush may be a second's pause."""
    await with_link(runtime)
    count = 3 * readings.MOST_WAITING + 1
    await arrive(runtime, *(referral(f"M-{number}") for number in range(count)))
    clock.advance(timedelta(seconds=age))
    looked: list[bool] = []

    def is_rushed() -> bool:
        looked.append(True)
        return False

    reading = asyncio.create_task(interpreter(runtime, is_rushed))
    async with asyncio.timeout(60):
        while len(await facts(runtime)) < count:  # noqa: ASYNC110 - what is in the database is asked for
            await asyncio.sleep(0.05)
    reading.cancel()
    await asyncio.wait([reading])
    assert len(looked) == looks


async def test_a_reading_that_the_database_never_takes_is_a_persons_and_holds_up_nobody(runtime):
    """INVARIANT: no message stops the queue; PostgreSQL takes no NUL, and here is one in a number."""
    await with_link(runtime)
    await arrive(runtime, referral("M-1"), referral("M-2", number="RF\x00-2"), referral("M-3"))
    read = [event for event in await all_read(runtime) if not isinstance(event, MessageReceived)]
    kinds = [type(event) for event in read]
    strange = ReferralSubmitted if runtime.db.is_sqlite else ReviewRequested
    assert kinds == [ReferralSubmitted, strange, ReferralSubmitted]
    announced = [one for one in await events(runtime) if isinstance(one, MessageReceived)]
    assert [one.control_id for one in announced] == ["M-1", "M-2", "M-3"]


async def test_a_message_that_does_not_open_lets_the_others_by_and_is_read_when_it_opens(runtime):
    """INVARIANT: a lost key gives up no message, and holds up none that it did not seal."""
    await with_link(runtime)
    await arrive(runtime, referral("M-1"), referral("M-2"))
    first = (await messages_of(runtime))[0]
    await _put_raw(runtime, first, b"another-key\0" + bytes(40))
    assert [one.message_id for one in await all_that_opens(runtime)] != [first["id"]]
    with pytest.raises(CannotUnseal):
        await interpret_next(runtime)
    await _put_raw(runtime, first, first["raw"])
    assert {one.message_id for one in await all_read(runtime)} == {
        row["id"] for row in await messages_of(runtime)
    }


async def all_that_opens(runtime):
    await interpret_next(runtime)
    return await facts(runtime)


async def _put_raw(runtime, row, raw):
    async with runtime.db.begin() as tx:
        await tx.execute(update(messages).where(messages.c.id == row["id"]).values(raw=raw))


async def test_a_message_whose_numbers_cannot_be_read_holds_up_no_other(runtime):
    """INVARIANT: what is no message at all has no numbers, and is no reason to read nothing."""
    unreadable = waiting_message(runtime, raw=cast("bytes", None))
    assert marks.read_marks([unreadable]) == [(unreadable.id, ())]


async def test_a_reading_of_which_no_fact_can_be_made_is_a_persons_and_holds_up_nobody(runtime):
    await with_link(runtime)
    await arrive(runtime, referral("M-1"), referral("M-2", number="RF-2"))

    def says_nonsense(found):
        understood, numbers = understand_all(found)
        first, *others = understood
        return [replace(first, repairs=cast("tuple[str, ...]", (1,))), *others], numbers

    await interpret_next(runtime, Reader(says_nonsense))
    assert [type(event) for event in await facts(runtime)] == [ReviewRequested, ReferralSubmitted]


async def test_how_much_is_not_read_is_told_and_since_when(runtime):
    await with_link(runtime)
    await arrive(runtime, referral("M-1"))
    runtime.clock.advance(timedelta(seconds=90))
    await arrive(runtime, referral("M-2", number="RF-2"))
    assert await unread_told(runtime) == [2, 90]
    await all_read(runtime)
    assert await unread_told(runtime) == [0, 0]


async def unread_told(runtime):
    async with runtime.db.read() as tx:
        told = await gauges.ask(tx, runtime.clock())
    mine = (metrics.messages_unread, metrics.messages_unread_oldest)
    return [value for gauge, _, value in told if gauge in mine]
