"""Keeping messages: each row of what we answer, and what is kept of it."""

import pytest
from tests.emr_bridge.builders import messages_of, referral, verdict, with_link

from common.events.clinic import Hl7Dialect
from emr_bridge.domain.message import State
from emr_bridge.handlers.receive import cannot_store, receive, seal_context, too_large


async def arrive(runtime, *raws):
    async with runtime.db.begin() as tx:
        outcomes = await receive(tx, raws, sealer=runtime.sealer, now=runtime.clock())
        return [outcome.answer for outcome in outcomes]


def raw_of(runtime, row):
    return runtime.sealer.unseal_bytes(row["raw"], seal_context(row["id"]))


async def test_a_message_is_kept_as_it_came_and_waits_to_be_announced(runtime):
    link = await with_link(runtime)
    (answer,) = await arrive(runtime, referral())
    (row,) = await messages_of(runtime)
    assert verdict(answer) == ("AA", "M-1")
    assert raw_of(runtime, row) == referral()
    assert referral() not in row["raw"]
    assert row["ack"] == answer
    assert (row["state"], row["link_id"], row["clinic_id"]) == ("received", link.id, link.clinic_id)
    assert not row["announced"]


async def test_the_same_bytes_again_get_the_same_answer_and_are_kept_once(runtime):
    (first,) = await arrive(runtime, referral())
    again = await arrive(runtime, referral(), referral())
    assert again == [first, first]
    (row,) = await messages_of(runtime)
    assert row["duplicates"] == 1


async def test_the_same_message_twice_in_one_batch_is_kept_once(runtime):
    one, two = await arrive(runtime, referral(), referral())
    assert one == two
    assert len(await messages_of(runtime)) == 1


async def test_the_same_control_id_with_other_bytes_is_refused_with_205_and_kept(runtime):
    await arrive(runtime, referral())
    other = referral(number="RF-2")
    (answer,) = await arrive(runtime, other)
    assert verdict(answer) == ("AE", "M-1")
    assert b"205^Duplicate key identifier" in answer
    assert await arrive(runtime, other) == [answer]
    kept = {row["state"]: raw_of(runtime, row) for row in await messages_of(runtime)}
    assert kept == {State.RECEIVED: referral(), State.CONFLICTING: other}


async def test_in_one_batch_the_first_of_two_with_the_same_control_id_wins(runtime):
    answers = await arrive(runtime, referral(), referral(number="RF-2"))
    assert [verdict(answer)[0] for answer in answers] == ["AA", "AE"]


async def test_two_senders_may_use_the_same_control_id(runtime):
    answers = await arrive(runtime, referral(), referral(sender="OTHER|SOUTH"))
    assert [verdict(answer)[0] for answer in answers] == ["AA", "AA"]


async def test_without_a_control_id_the_bytes_alone_tell_messages_apart(runtime):
    answers = await arrive(runtime, referral(""), referral("", number="RF-2"), referral(""))
    assert [verdict(answer) for answer in answers] == [("AA", "")] * 3
    assert answers[0] == answers[2]
    assert len(await messages_of(runtime)) == 2


@pytest.mark.parametrize(
    ("raw", "code", "error"),
    [
        (b"hello", "AR", "100"),
        (b"", "AR", "100"),
        (b"\xff\x00\xfe", "AR", "100"),
        (b"MSH", "AR", "100"),
        (rb"FHS|^~\&|A" + b"\r" + referral(), "AR", "200"),
        (referral().replace(b"REF^I12^REF_I12", b"VXU^V04"), "AR", "200"),
        (referral().replace(b"REF^I12^REF_I12", b""), "AR", "200"),
        (referral().replace(b"REF^I12^REF_I12", b"REF^I99"), "AR", "201"),
        (referral().replace(b"REF^I12^REF_I12", b"RDE^O99^RDE_O11"), "AR", "201"),
    ],
)
async def test_what_we_do_not_take_is_refused_and_kept_all_the_same(runtime, raw, code, error):
    (answer,) = await arrive(runtime, raw)
    assert verdict(answer)[0] == code
    assert f"|{error}^".encode() in answer
    (row,) = await messages_of(runtime)
    assert (row["state"], row["reason"]) == ("refused", f"hl7_{error}")
    assert raw_of(runtime, row) == raw
    assert await arrive(runtime, raw) == [answer]


@pytest.mark.parametrize("kind", [b"REF", b"ref^i12", b"ORM^O01", b"OMP^O09^OMP_O09", b"RDE^O11"])
async def test_every_referral_type_is_taken(runtime, kind):
    (answer,) = await arrive(runtime, referral().replace(b"REF^I12^REF_I12", kind))
    assert verdict(answer) == ("AA", "M-1")


@pytest.mark.parametrize("mode", [b"P", b"T", b"D", b"Z", b""])
async def test_any_processing_id_and_version_is_taken(runtime, mode):
    (answer,) = await arrive(runtime, referral().replace(b"|P|2.5.1", b"|" + mode + b"|2.999"))
    assert verdict(answer)[0] == "AA"


async def test_a_refused_message_may_come_again_mended_under_its_control_id(runtime):
    refused = referral().replace(b"REF^I12^REF_I12", b"REF^I99")
    answers = await arrive(runtime, refused, referral())
    assert [verdict(answer)[0] for answer in answers] == ["AR", "AA"]


async def test_an_answer_is_kept_and_never_answered(runtime):
    raw = b"MSH|^~\\&|EPIC|NORTH|LOOP|PHARM|2026||ACK^I12|M-1|P|2.5.1\rMSA|AA|X\r"
    assert await arrive(runtime, raw, referral(), raw) == [
        None,
        *await arrive(runtime, referral()),
        None,
    ]
    assert [row["state"] for row in await messages_of(runtime)] == ["ignored", "received"]
    assert cannot_store(raw, now=runtime.clock()) is None


async def test_a_sender_is_known_by_whole_fields_or_first_components_whatever_the_case(runtime):
    link = await with_link(runtime)
    for sender in ("epic|North", "EPIC^1.2.3^ISO|NORTH^9^L"):
        await arrive(runtime, referral(sender, sender=sender))
    await arrive(runtime, referral("x", sender="EPIC|ELSEWHERE"))
    found = [row["link_id"] for row in await messages_of(runtime)]
    assert found == [link.id, link.id, None]


async def test_a_sender_that_two_clinics_claim_is_nobodys(runtime):
    await with_link(runtime)
    await with_link(runtime, id="south/epic", clinic_id="south")
    await arrive(runtime, referral())
    (row,) = await messages_of(runtime)
    assert row["link_id"] is None


async def test_what_cannot_be_kept_or_is_too_large_is_answered_so(runtime):
    now = runtime.clock()
    stored = cannot_store(referral(), now=now)
    assert verdict(stored) == ("AR", "M-1")
    assert stored is not None
    assert b"|207^" in stored
    large = too_large(referral()[:60] + b"x" * 4000, now=now)
    assert verdict(large)[0] == "AR"
    assert b"|199^" in large
    assert too_large(b"MSH|^~\\&|A|B|C|D|||ACK|1", now=now) == b""


async def test_what_was_refused_without_an_id_is_taken_when_its_link_is_put_right(runtime):
    """INVARIANT: a sender that repeats its message is not refused for ever for what was mended."""
    raw = referral("").replace(b"|P|2.5.1", b"|T|2.5.1")
    said = []
    for taken in (("P",), ("P", "T")):
        await with_link(runtime, dialect=Hl7Dialect(processing_ids=taken))
        async with runtime.db.begin() as tx:
            (outcome,) = await receive(tx, [raw], sealer=runtime.sealer, now=runtime.clock())
        said.append(verdict(outcome.answer)[0])
    assert said == ["AR", "AA"]
