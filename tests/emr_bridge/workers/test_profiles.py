"""From the message that came in to the one that goes out: what a profile answers is what was sent."""

from datetime import timedelta
from uuid import uuid4

from tests.emr_bridge.builders import CLINIC, messages_of, referral
from tests.emr_bridge.sending import REFERRAL, ask, go, linked

from common.events.referral import Appointment, CancellationRequested
from emr_bridge.formats.hl7v2.reader import read
from emr_bridge.formats.hl7v2.source import Original, source_of
from emr_bridge.handlers import follow
from emr_bridge.handlers.receive import receive
from emr_bridge.store.messages import attach_referrals
from emr_bridge.workers.interpreter import interpret_next
from simulators.emr import reject

NUMBER = "RF-1^EPIC^^"


async def came(runtime, raw):
    """Have a message be the one that the referral came by."""
    async with runtime.db.begin() as tx:
        await receive(tx, [raw], sealer=runtime.sealer, now=runtime.clock())
    await interpret_next(runtime)
    (message,) = await messages_of(runtime)
    async with runtime.db.begin() as tx:
        await attach_referrals(tx, [(message["id"], REFERRAL)])


def sent(emr, place=-1):
    return read(emr.received[place].message)


async def test_a_ref_is_answered_by_rri_with_its_own_number_and_prd(runtime, emr, sender):
    await linked(runtime, emr, dialect={"profile": "rri"}, time_zone="America/Chicago")
    await came(runtime, referral("M-77", number=NUMBER))
    await ask(runtime)
    await go(sender)
    message = sent(emr)
    assert message.first("MSH").field(9) == "RRI^I12^RRI_I12"
    assert not message.all("MSA")  # it asked for no application acknowledgement
    assert message.first("RF1").field(6) == NUMBER
    assert message.first("PRD").raw == "PRD|RP|ZZTEST^Greta|||^WPN^PH^^^503^5550100||1234567893^NPI"
    assert message.first("RF1").field(9) == "20260302090000-0600"


async def test_other_separators_of_the_sender_are_turned_into_the_standard_ones(runtime):
    raw = referral().replace(b"^~\\&", b"$*!@").replace(b"^", b"$")
    source = source_of(Original(raw.replace(b"Greta", b"Gr!T!eta"), "utf-8"))
    assert source.message_type == "REF^I12"
    assert source.referrer.startswith("PRD|RP|ZZTEST^Gr")
    assert "5550100" in source.referrer
    bare = source_of(Original(referral().replace(b"PRD|RP", b"PRD|PP"), "utf-8"))
    assert (bare.referrer, bare.cancel_asked) == ("", False)


async def test_a_cancellation_that_the_clinic_asked_for_is_told_as_its_confirmation(
    runtime, emr, sender
):
    await linked(runtime, emr, dialect={"profile": "rri"})
    await came(runtime, referral(number=NUMBER))
    asked = CancellationRequested(
        occurred_at=runtime.clock(),
        referral_id=REFERRAL,
        clinic_id=CLINIC,
        code="R4K7QM",
        version=2,
        status="accepted",
    )
    await ask(runtime, notice="referral_cancelled")
    await go(sender)
    async with runtime.db.begin() as tx:
        await follow.cancellation_requested(tx, asked, runtime.clock())
    await ask(runtime, notice="referral_cancelled")
    await go(sender)
    kinds = [read(one.message).first("MSH").field(9) for one in emr.received]
    assert kinds == ["RRI^I12^RRI_I12", "RRI^I14^RRI_I12"]
    assert not sent(emr).all("MSA")
    await linked(runtime, emr, dialect={"profile": "oru"})
    await ask(runtime, notice="referral_cancelled")
    await go(sender)
    assert sent(emr).all("OBX")[1].text(5) == "cancellation_confirmed"


async def test_an_order_is_answered_by_osu_and_by_oru_where_there_was_none(runtime, emr, sender):
    await linked(runtime, emr, dialect={"profile": "osu"})
    await ask(runtime)
    await go(sender)
    assert sent(emr).first("MSH").field(9) == "ORU^R01^ORU_R01"
    await came(runtime, referral(number=NUMBER))
    await ask(runtime, notice="referral_scheduled")
    await go(sender)
    assert sent(emr).first("MSH").field(9) == "OSU^O51^OSU_O51"
    assert sent(emr).first("ORC").field(2) == NUMBER


async def test_a_document_goes_out_as_mdm(runtime, emr, sender):
    await linked(runtime, emr, dialect={"profile": "mdm"})
    await ask(runtime)
    await go(sender)
    assert sent(emr).first("MSH").field(9) == "MDM^T02^MDM_T02"


async def test_a_change_that_leaves_the_date_is_s14_and_a_new_date_s13(runtime, emr, sender):
    await linked(runtime, emr)
    booked = Appointment(id=uuid4(), kind="delivery", starts_at=runtime.clock())
    longer = booked.model_copy(update={"ends_at": runtime.clock() + timedelta(hours=2)})
    moved = longer.model_copy(update={"starts_at": runtime.clock() + timedelta(hours=1)})
    other = moved.model_copy(update={"id": uuid4()})
    await ask(runtime, notice="referral_scheduled", appointment=booked)
    for changed in (longer, moved, other):
        await ask(runtime, notice="appointment_rescheduled", appointment=changed)
    await go(sender)
    kinds = [read(one.message).first("MSH").text(9, 2) for one in emr.received]
    assert [kind for kind in kinds if kind != "R01"] == ["S12", "S14", "S13", "S13"]


async def test_a_booking_that_its_emr_never_took_is_not_what_it_was_told(runtime, emr, sender):
    await linked(runtime, emr)
    booked = Appointment(id=uuid4(), kind="delivery", starts_at=runtime.clock())
    await emr.follow(reject("AE", error="101"))
    await ask(runtime, notice="referral_scheduled", appointment=booked)
    await ask(runtime, notice="appointment_rescheduled", appointment=booked)
    await go(sender)
    assert sent(emr).first("MSH").text(9, 2) == "S13"
