from common.sealing import new_key
from common.settings import SharedSettings
from embedded.checks import machine


def looked_at(keys: str):
    return machine.sealing_key(SharedSettings(sealing_keys=keys))


def test_a_rotation_that_is_not_finished_is_told():
    new, old = new_key("2026-11"), new_key("2026-05")
    found = looked_at(f"{new}:opens,{old}")
    assert found.is_off
    assert "2026-11" in found.told
    assert not looked_at(f"{new},{old}").is_off
    assert not looked_at(f"{new},{old}:opens").is_off


def test_keys_of_which_none_seals_are_told_without_being_shown():
    key = new_key("2026-11")
    found = looked_at(f"{key}:opens")
    assert found.is_off
    assert key.partition(":")[2] not in found.told
