"""What each refusal means, row by row, and when we give up."""

from datetime import timedelta

import pytest

from emr_bridge.domain.redelivery import Decision, decide, is_exhausted, wait_after

DELIVERED, PARK, RETRY = Decision.DELIVERED, Decision.PARK, Decision.RETRY


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


def test_waits_double_from_a_second_to_a_minute():
    waits = [wait_after(failures).total_seconds() for failures in range(1, 9)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert wait_after(3, jitter=1.0) == timedelta(seconds=2)


def test_ten_tries_or_a_day_are_enough():
    assert not is_exhausted(9, timedelta(hours=23))
    assert is_exhausted(10, timedelta(0))
    assert is_exhausted(0, timedelta(hours=24))
