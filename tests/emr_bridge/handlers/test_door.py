"""What is answered at the door: every situation of the acknowledgement table, in both modes."""

import pytest
from tests.emr_bridge.builders import CLINIC, messages_of, referral, verdict, with_link

from common.events.clinic import Hl7Dialect
from emr_bridge.domain.message import State
from emr_bridge.domain.peer import Peer, networks_of
from emr_bridge.formats.hl7v2.ack import read_acknowledgement
from emr_bridge.handlers import receive
from emr_bridge.handlers.senders import NO_SENDERS, Whence, all_senders
from emr_bridge.store import links

ORIGINAL = b"|P|2.5.1"
ENHANCED = b"|P|2.5.1|||AL|NE"
TRAINING = b"|T|2.5.1"


async def speaking(runtime, **dialect):
    return await with_link(runtime, dialect=Hl7Dialect(**dialect))


async def ask(runtime, *raws, peer=None, processing_ids=()):
    whence = [Whence(peer)] * len(raws) if peer else ()
    async with runtime.db.begin() as tx:
        found = await receive.receive(
            tx,
            raws,
            whence=whence,
            sealer=runtime.sealer,
            now=runtime.clock(),
            processing_ids=processing_ids,
        )
    return [one.answer for one in found]


def error_of(answer):
    """The code of table 0357, or nothing."""
    said = read_acknowledgement(answer)
    return said.errors[0] if said and said.errors else ""


@pytest.mark.parametrize("mode", [ORIGINAL, ENHANCED], ids=["original", "enhanced"])
@pytest.mark.parametrize(
    ("situation", "code", "error"),
    [
        ("stored", "A", ""),
        ("same key, same bytes", "A", ""),
        ("same key, other bytes", "E", "205"),
        ("type unknown", "R", "200"),
        ("event unknown", "R", "201"),
        ("processing id of another environment", "R", "202"),
        ("version not spoken", "R", "203"),
        ("too large for the link", "R", "199"),
        ("too large for the service", "R", "199"),
        ("cannot be stored now", "R", "207"),
        ("sender of another connection", "R", "199"),
        ("batch on a link without batches", "R", "200"),
        ("an acknowledgement", None, ""),
    ],
)
async def test_every_situation_has_its_answer_in_both_modes(runtime, mode, situation, code, error):
    dialect = {"versions": ("2.5.1",), "max_message_bytes": 2000, "processing_ids": ("P",)}
    await speaking(runtime, **dialect, allowed_addresses=("10.0.0.0/8",))
    raw = referral().replace(ORIGINAL, mode)
    change = {
        "same key, other bytes": lambda raw: raw.replace(b"ZZTEST^Greta", b"ZZTEST^Olga"),
        "type unknown": lambda raw: raw.replace(b"REF^I12^REF_I12", b"VXU^V04"),
        "event unknown": lambda raw: raw.replace(b"REF^I12^REF_I12", b"REF^I99"),
        "processing id of another environment": lambda raw: raw.replace(b"|P|2.5.1", b"|T|2.5.1"),
        "version not spoken": lambda raw: raw.replace(b"|2.5.1", b"|2.3.1"),
        "too large for the link": lambda raw: raw + b"NTE|1||" + b"x" * 3000,
        "batch on a link without batches": lambda raw: b"BHS|^~\\&\r" + raw,
        "an acknowledgement": lambda raw: raw.replace(b"REF^I12^REF_I12", b"ACK^I12"),
    }.get(situation, lambda raw: raw)
    before = await ask(runtime, raw) if situation.startswith("same key") else []
    (answer,) = await ask(runtime, change(raw))
    if situation == "same key, same bytes":
        assert [answer] == before
    if situation.startswith("sender"):
        (answer,) = await ask(runtime, raw, peer=Peer("192.168.0.7"))
    if situation in ("too large for the service", "cannot be stored now"):
        async with runtime.db.read() as tx:
            known = await all_senders(tx)
        turn_away = receive.too_large if "large" in situation else receive.cannot_store
        answer = turn_away(raw, known, now=runtime.clock())
    if code is None:
        assert answer is None
        return
    letter = "C" if mode == ENHANCED else "A"
    assert verdict(answer) == (letter + code, "M-1")
    assert error_of(answer) == error
    assert b"ZZTEST" not in answer


async def test_an_unreadable_header_is_answered_as_well_as_it_can_be(runtime):
    for raw in (b"", b"hello", b"MSH"):
        (answer,) = await ask(runtime, raw)
        assert verdict(answer) == ("AR", "")
        assert error_of(answer) == "100"
    (short,) = await ask(runtime, b"MSH|^~\\&|EPIC|NORTH")
    assert verdict(short) == ("AR", "")
    assert short.startswith(b"MSH|^~\\&|||EPIC|NORTH|")


async def test_without_a_link_the_services_own_processing_ids_count(runtime):
    training = referral().replace(ORIGINAL, TRAINING)
    (taken,) = await ask(runtime, training)
    (refused,) = await ask(runtime, training.replace(b"M-1", b"M-2"), processing_ids=("P",))
    (empty,) = await ask(runtime, referral("M-3").replace(b"|P|", b"||"), processing_ids=("P",))
    assert [verdict(one)[0] for one in (taken, refused, empty)] == ["AA", "AR", "AA"]
    assert b"|E||||MSH-11 is one of P|" not in refused
    assert b"MSH-11 is one of P" in refused


async def test_an_unknown_type_is_kept_and_accepted_where_the_link_asks_for_it(runtime):
    await speaking(runtime, unknown_types="accept")
    raw = referral().replace(b"REF^I12^REF_I12", b"VXU^V04")
    first, again = await ask(runtime, raw), await ask(runtime, raw)
    assert (verdict(first[0])[0], again) == ("AA", first)
    (row,) = await messages_of(runtime)
    assert (row["state"], row["reason"], row["duplicates"]) == (State.KEPT, None, 1)
    other = raw.replace(b"ZZTEST^Greta", b"ZZTEST^Olga")
    assert verdict((await ask(runtime, other))[0])[0] == "AE"


async def test_a_control_id_that_is_used_again_is_taken_where_the_link_counts_anew(runtime):
    """INVARIANT: the same bytes are one message all the same. Broken by a key without the bytes."""
    await speaking(runtime, reused_control_id="accept")
    other = referral().replace(b"ZZTEST^Greta", b"ZZTEST^Olga")
    (first,), (second,) = await ask(runtime, referral()), await ask(runtime, other)
    assert verdict(first) == verdict(second) == ("AA", "M-1")
    assert await ask(runtime, referral(), other) == [first, second]
    rows = await messages_of(runtime)
    assert [row["state"] for row in rows] == [State.RECEIVED] * 2
    assert rows[1]["duplicates"] == 1


async def test_an_enhanced_link_is_silent_where_table_0155_says_so(runtime):
    await speaking(runtime, acknowledgement="enhanced")
    silent = referral().replace(ORIGINAL, b"|P|2.5.1|||NE|NE")
    only_errors = referral("M-2").replace(ORIGINAL, b"|P|2.5.1|||ER|NE")
    assert await ask(runtime, silent, silent, only_errors) == [None, None, None]
    (refused,) = await ask(runtime, only_errors.replace(b"REF^I12^REF_I12", b"VXU^V04"))
    assert verdict(refused) == ("CR", "M-2")
    assert len(await messages_of(runtime)) == 3


CERT_A, CERT_B = (
    Peer("10.1.1.1", frozenset({"a.example"})),
    Peer("10.1.1.2", frozenset({"b.example"}), "ff" * 32),
)


async def two_partners(runtime):
    a = await speaking(runtime, client_certificate="A.example")
    b = await with_link(
        runtime,
        clinic_id="south",
        id="south/b",
        sending_application="CERNER",
        sending_facility="SOUTH",
        dialect=Hl7Dialect(client_certificate="sha256:" + "FF" * 32),
    )
    async with runtime.db.begin() as tx:
        await links.replace(tx, CLINIC, [a])
    return a, b


@pytest.mark.parametrize(
    ("peer", "sender", "code"),
    [
        (CERT_A, "EPIC|NORTH", "AA"),
        (CERT_B, "CERNER|SOUTH", "AA"),
        (CERT_A, "CERNER|SOUTH", "AR"),
        (CERT_B, "EPIC|NORTH", "AR"),
        (CERT_A, "NOBODY|KNOWN", "AR"),
        (Peer("10.1.1.3", frozenset({"other.example"})), "EPIC|NORTH", "AR"),
        (Peer("10.1.1.3"), "EPIC|NORTH", "AR"),
        (Peer("10.1.1.3"), "NOBODY|KNOWN", "AA"),
    ],
)
async def test_a_certificate_speaks_for_its_own_link_alone(runtime, peer, sender, code):
    """INVARIANT: MSH-3 and MSH-4 belong to who is connected. Broken by believing the message."""
    await two_partners(runtime)
    (answer,) = await ask(runtime, referral(sender=sender), peer=peer)
    assert verdict(answer)[0] == code
    (row,) = await messages_of(runtime)
    if code == "AR":
        kept = (row["state"], row["reason"], row["link_id"], row["clinic_id"])
        assert kept == (State.REFUSED, "foreign_sender", None, None)


async def test_a_refused_stranger_does_not_take_the_control_id_of_whom_it_imitates(runtime):
    await two_partners(runtime)
    raw = referral(sender="EPIC|NORTH")
    await ask(runtime, raw, peer=CERT_B)
    (answer,) = await ask(runtime, raw, peer=CERT_A)
    assert verdict(answer)[0] == "AA"


@pytest.mark.parametrize(
    ("address", "networks", "is_within"),
    [
        ("10.1.2.3", ("10.0.0.0/8",), True),
        ("11.1.2.3", ("10.0.0.0/8", "11.1.2.3"), True),
        ("11.1.2.4", ("10.0.0.0/8", "11.1.2.3"), False),
        ("::ffff:10.1.2.3", ("10.0.0.0/8",), True),
        ("fe80::1%eth0", ("fe80::/10",), True),
        ("", ("10.0.0.0/8",), False),
        ("anything", (), True),
    ],
)
def test_an_address_lies_in_a_network_or_not(address, networks, is_within):

    assert Peer(address).is_within(networks_of(networks)) is is_within


def test_what_cannot_be_kept_is_told_to_an_unknown_sender_too(runtime):
    raw = referral().replace(ORIGINAL, ENHANCED)
    assert verdict(receive.cannot_store(raw, NO_SENDERS, now=runtime.clock()))[0] == "CR"
