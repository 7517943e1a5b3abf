"""The NPI's check digit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.domain import npi


@pytest.mark.parametrize("number", ["1234567893", "1245319599", "1003000126"])
def test_a_number_with_the_right_check_digit_is_valid(number):
    assert npi.is_valid(number)


@pytest.mark.parametrize(
    "number",
    [
        "",
        "1234567890",
        "123456789",
        "12345678933",
        "123456789A",
        "\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19\uff13",
    ],
)
def test_anything_else_is_not(number):
    assert not npi.is_valid(number)


@given(st.integers(0, 999_999_999))
def test_exactly_one_check_digit_fits(stem):
    """INVARIANT: Luhn catches every single wrong digit at the end."""
    assert sum(npi.is_valid(f"{stem:09d}{digit}") for digit in range(10)) == 1
