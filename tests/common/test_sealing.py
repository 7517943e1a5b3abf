import base64
import itertools
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.common.sample import happened

from common.errors import CannotUnseal, Misconfigured
from common.events.people import PatientCard, ReferralCard
from common.sealing import KEY_BYTES, Sealer, new_key, parse_keys

CARD = PatientCard(family_name="ZZTESTLAST", given_names=("Ana",))


def key(number: int = 1) -> bytes:
    return bytes([number]) * KEY_BYTES


GOOD = new_key("a")


@given(st.text(min_size=1), st.text(max_size=20))
def test_what_is_sealed_opens_again_in_its_context(name, context):
    card = PatientCard(family_name=name)
    sealer = Sealer({"k": key()})
    assert sealer.unseal(sealer.seal(card, context), PatientCard, context) == card


@given(st.binary(max_size=300), st.text(max_size=20))
def test_sealed_bytes_open_again_in_their_context(value, context):
    sealer = Sealer({"k": key()})
    assert sealer.unseal_bytes(sealer.seal_bytes(value, context), context) == value


def test_nothing_that_was_sealed_can_be_read(sealer):
    assert "ZZTESTLAST" not in sealer.seal(CARD, "c").model_dump_json()
    assert b"ZZTESTLAST" not in sealer.seal_bytes(b"ZZTESTLAST", "c")


def test_another_context_opens_nothing(sealer):
    with pytest.raises(CannotUnseal, match="altered"):
        sealer.unseal(sealer.seal(CARD, "referral:1"), PatientCard, "referral:2")


@pytest.mark.parametrize("position", [0, 5, 12, 20, -1])
def test_one_flipped_bit_is_found(sealer, position):
    sealed = bytearray(sealer.seal_bytes(b"content", "c"))
    sealed[len(b"test-1\0") + position if position >= 0 else position] ^= 1
    with pytest.raises(CannotUnseal):
        sealer.unseal_bytes(bytes(sealed), "c")


@pytest.mark.parametrize("changed", [{"ciphertext": "!"}, {"nonce": "AAAA"}, {"nonce": "é"}])
def test_a_seal_that_is_damaged_is_set_aside(sealer, changed):
    sealed = sealer.seal(CARD, "c").model_copy(update=changed)
    with pytest.raises(CannotUnseal):
        sealer.unseal(sealed, PatientCard, "c")


def test_bytes_that_were_never_sealed_do_not_show_in_the_error(sealer):
    with pytest.raises(CannotUnseal) as refused:
        sealer.unseal_bytes(b"ZZTESTLAST", "c")
    assert "ZZTESTLAST" not in str(refused.value)
    assert refused.value.code == "unknown_key"


def test_a_card_of_another_model_is_refused_without_its_content(sealer):
    with pytest.raises(CannotUnseal) as refused:
        sealer.unseal(sealer.seal(CARD, "c"), ReferralCard, "c")
    assert refused.value.code == "another_model"
    assert refused.value.__cause__ is None
    assert "ZZTESTLAST" not in str(refused.value)


def test_after_a_rotation_old_seals_open_and_new_ones_carry_the_new_key():
    old, rotated = Sealer({"a": key(1)}), Sealer({"b": key(2), "a": key(1)})
    assert rotated.unseal(old.seal(CARD, "c"), PatientCard, "c") == CARD
    assert rotated.unseal_bytes(old.seal_bytes(b"x", "c"), "c") == b"x"
    assert rotated.seal(CARD, "c").key_id == "b"
    with pytest.raises(CannotUnseal) as refused:
        old.unseal(rotated.seal(CARD, "c"), PatientCard, "c")
    assert refused.value.code == "unknown_key"


def test_a_blind_index_survives_a_rotation_and_needs_the_key():
    old, rotated = Sealer({"a": key(1)}), Sealer({"b": key(2), "a": key(1)})
    assert (
        old.blind_index("x") == rotated.blind_index("x") != Sealer({"a": key(3)}).blind_index("x")
    )


def test_a_nonce_never_comes_twice(sealer):
    """INVARIANT: GCM breaks when a nonce repeats. Broken by a counter that a restart resets."""
    assert len({sealer.seal(CARD, "c").nonce for _ in range(1000)}) == 1000


def test_keys_are_read_newest_first():
    text = f"b:{base64.b64encode(key(2)).decode()}, a:{base64.b64encode(key(1)).decode()},"
    assert list(parse_keys(text).by_id.items()) == [("b", key(2)), ("a", key(1))]
    assert len(parse_keys(new_key("n")).by_id["n"]) == KEY_BYTES


def test_a_rolling_rotation_leaves_no_moment_in_which_a_replica_cannot_open():
    """INVARIANT: of two steps that follow each other, each opens what the other seals, and both
    find the same patients. Broken by a new key that seals at once, or that makes the index."""
    a, b = (f"{name}:{base64.b64encode(key(n)).decode()}" for name, n in (("a", 1), ("b", 2)))
    steps = [parse_keys(text) for text in (a, f"{b}:opens,{a}", f"{b},{a}", f"{b},{a}:opens")]
    sealers = [keys.sealer() for keys in steps]
    for one, next_one in itertools.pairwise(sealers):
        assert next_one.unseal(one.seal(CARD, "c"), PatientCard, "c") == CARD
        assert one.unseal(next_one.seal(CARD, "c"), PatientCard, "c") == CARD
    assert [s.seal(CARD, "c").key_id for s in sealers] == ["a", "a", "b", "b"]
    assert len({sealer.blind_index("x") for sealer in sealers}) == 1
    assert [keys.coming for keys in steps] == [[], ["b"], [], []]


@pytest.mark.parametrize(
    "text",
    [
        *("", "nocolon", ":AAAA", "a:not base64", "a:AAAA", "a:"),
        *(f"{GOOD}:opens", f"{GOOD}:seals", f"{GOOD}:", f"{GOOD},{GOOD}"),
    ],
)
def test_unusable_keys_are_refused_and_not_repeated(text):
    with pytest.raises(Misconfigured) as refused:
        parse_keys(text).sealer()
    assert "AAAA" not in str(refused.value)


def test_an_event_is_sealed_to_its_type_and_subject(sealer):
    event = happened("1").with_sealed(sealer, CARD)
    assert event.unsealed(sealer, PatientCard) == CARD
    assert happened("1").unsealed(sealer, PatientCard) is None
    moved = happened("2", sender="OTHER|FAC").model_copy(update={"sealed": event.sealed})
    with pytest.raises(CannotUnseal):
        moved.unsealed(sealer, PatientCard)


def test_two_sealers_of_random_keys_do_not_understand_each_other():
    one, two = (Sealer({"k": os.urandom(KEY_BYTES)}) for _ in range(2))
    with pytest.raises(CannotUnseal):
        two.unseal(one.seal(CARD, "c"), PatientCard, "c")
