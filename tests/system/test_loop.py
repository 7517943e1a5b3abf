"""The whole loop, from outside, on embedded defaults."""

from datetime import UTC, datetime

from tests.system.conftest import World
from tests.system.referrals import referral
from tests.system.whole import until

from simulators.emr import EmrClient
from simulators.emr.messages import Envelope, ref_i12
from simulators.emr.samples import numbered


async def test_every_door_leads_to_a_referral_and_every_channel_confirms(world: World):
    await world.register_all(world.whole)
    await world.whole.call("POST", "/intake/v1/referrals", json=referral("zz-fax", 1))
    await world.whole.call("POST", "/intake/v1/referrals", json=referral("zz-hook", 2))
    async with EmrClient("127.0.0.1", world.whole.mllp_port) as sender:
        envelope = Envelope(control_id="LOOP1", sent_at=datetime.now(UTC))
        answer = await sender.send(ref_i12(numbered(3), envelope))
    assert b"MSA|AA|LOOP1" in answer

    books = world.whole.books

    async def told() -> bool:
        notices = books.count("notifications", "SELECT count(*) FROM notices")
        return notices >= 3 and books.is_quiet()

    await until(told)
    assert [fax.status for fax in world.gateway.faxes] == ["COMPLETED"]
    assert [event.verified for event in world.hook.events] == [True]
    assert len(world.emr.received) == 1
    assert b"ZZORD000003" in world.emr.received[0].message
    promises = (await world.whole.call("GET", "/notifications/v1/promises")).json()["items"]
    assert {promise["state"] for promise in promises} == {"kept"}
    page = (await world.whole.call("GET", "/intake/v1/referrals?clinic_id=zz-fax")).json()
    one = (await world.whole.call("GET", f"/intake/v1/referrals/{page['items'][0]['id']}")).json()
    assert [delivery["channel"] for delivery in one["deliveries"]] == ["fax"]
    assert [promise["state"] for promise in one["promises"]] == ["kept"]


async def test_a_stop_drains_and_ends_with_zero(world: World):
    await world.register_all(world.whole)
    await world.whole.call("POST", "/intake/v1/referrals", json=referral("zz-fax", 1))

    assert await world.whole.stop() == 0


async def test_no_name_leaves_in_a_log_line_or_a_plain_event(world: World):
    """INVARIANT: people's data is never in what is printed or in the clear on a topic.

    A log line with a value from a message, or a field outside `sealed`, breaks it.
    """
    await world.register_all(world.whole)
    for clinic, number in (("zz-fax", 1), ("zz-hook", 2), ("zz-emr", 3)):
        await world.whole.call("POST", "/intake/v1/referrals", json=referral(clinic, number))
    broken = referral("zz-fax", 4) | {"patient": {"family_name": "ZZTESTX", "birth_date": "ZZTEST"}}
    refused = await world.whole.call("POST", "/intake/v1/referrals", json=broken)
    assert refused.status_code == 422
    assert "ZZTEST" not in refused.text
    async with EmrClient("127.0.0.1", world.whole.mllp_port) as sender:
        envelope = Envelope(control_id="CANARY1", sent_at=datetime.now(UTC))
        await sender.send(ref_i12(numbered(5), envelope))
        await sender.send(
            b"MSH|^~\\&|ZZEMR|ZZCLINIC|||x||REF^I12|CANARY2|P|2.5.1\rPID|ZZTESTBROKEN"
        )
    books = world.whole.books

    async def told() -> bool:
        return (
            books.count("notifications", "SELECT count(*) FROM notices") >= 4 and books.is_quiet()
        )

    await until(told)
    assert "ZZTEST" not in world.whole.log.read_text()
    assert "ZZTEST" not in str(books.events())
    metrics = (await world.whole.call("GET", "/metrics")).text
    assert "ZZTEST" not in metrics
    assert "ZZTEST" not in str([event.body for event in world.hook.events])
