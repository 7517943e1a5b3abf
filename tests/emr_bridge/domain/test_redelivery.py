"""What each refusal means, row by row and preset by preset, and when we give up."""

from datetime import timedelta

import pytest

from emr_bridge.domain.redelivery import (
    PRESETS,
    Decision,
    Policy,
    decide,
    is_configuration_fault,
    is_exhausted,
    rest_after,
    wait_after,
)

DELIVERED, COMMIT, PARK, RETRY = Decision.DELIVERED, Decision.COMMIT, Decision.PARK, Decision.RETRY


@pytest.mark.parametrize(
    ("code", "errors", "decision"),
    [
        ("AA", (), DELIVERED),
        ("CA", (), DELIVERED),
        ("AE", (), PARK),
        ("AR", (), RETRY),
        ("CE", (), RETRY),
        ("CR", (), PARK),
        *[("AR", (error,), PARK) for error in ("200", "201", "202", "203")],
        *[("AR", (e,), PARK) for e in ("100", "101", "102", "103", "104", "198", "199", "205")],
        ("AR", ("204",), PARK),
        *[("AE", (error,), RETRY) for error in ("206", "207")],
        ("AE", ("207", "101"), PARK),
        ("AR", ("999",), RETRY),
        ("AE", ("0",), PARK),
        ("ZZ", (), PARK),
        ("", (), PARK),
    ],
)
def test_an_acknowledgement_means_what_the_table_says(code, errors, decision):
    assert decide(code, errors) is decision


@pytest.mark.parametrize(
    ("preset", "ae", "ar", "ce", "cr"),
    [
        ("by-definition", PARK, RETRY, RETRY, PARK),
        ("e-final", PARK, RETRY, PARK, RETRY),
        ("r-final", RETRY, PARK, RETRY, PARK),
        ("hold-link", PARK, RETRY, RETRY, PARK),
    ],
)
def test_without_an_error_code_the_links_preset_says_what_a_refusal_means(preset, ae, ar, ce, cr):
    policy = Policy(preset)
    assert [decide(code, (), policy) for code in ("AE", "AR", "CE", "CR")] == [ae, ar, ce, cr]
    assert decide("AE", ("207",), policy) is RETRY
    assert decide("AR", ("101",), policy) is PARK
    assert set(PRESETS[preset]) == {"AE", "AR", "CE", "CR"}


def test_where_the_application_answers_too_ca_is_not_the_end():
    assert decide("CA", (), Policy(application_ack=True)) is COMMIT
    assert decide("AA", (), Policy(application_ack=True)) is DELIVERED


def test_only_refusals_of_the_link_itself_are_configuration_faults():
    assert is_configuration_fault(("200",))
    assert is_configuration_fault(("101", "203"))
    assert not is_configuration_fault(("101", "207"))
    assert not is_configuration_fault(())


def test_the_third_fault_in_a_row_opens_the_circuit_for_longer_each_time():
    rests = [rest_after(faults) for faults in range(9)]
    assert rests[:3] == [None, None, None]
    minutes = [rest.total_seconds() / 60 for rest in rests[3:] if rest]
    assert minutes == [5, 10, 20, 40, 60, 60]


def test_waits_double_from_a_second_to_a_minute():
    waits = [wait_after(failures).total_seconds() for failures in range(1, 9)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert wait_after(3, jitter=1.0) == timedelta(seconds=2)


def test_ten_tries_or_a_day_are_enough():
    assert not is_exhausted(9, timedelta(hours=23))
    assert is_exhausted(10, timedelta(0))
    assert is_exhausted(0, timedelta(hours=24))
