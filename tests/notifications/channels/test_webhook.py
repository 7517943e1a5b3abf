from datetime import timedelta

import pytest
from tests.notifications.builders import NOW

from notifications.channels.webhook import LONGEST_WAIT, Accepted, Rejected, judge, retry_after


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_alone_is_success(status: int) -> None:
    assert judge(status, {}, now=NOW) == Accepted(str(status))


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 500])
def test_everything_else_is_tried_again(status: int) -> None:
    assert judge(status, {}, now=NOW) == Rejected("http_status", str(status))


def test_gone_is_final() -> None:
    assert judge(410, {}, now=NOW) == Rejected("gone", "410", final=True)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("120", timedelta(minutes=2)),
        (" 0 ", timedelta(0)),
        ("Mon, 02 Mar 2026 15:01:00 GMT", timedelta(minutes=1)),
        ("Mon, 02 Mar 2026 14:00:00 GMT", timedelta(0)),
        ("99999999999999999999", LONGEST_WAIT),
        ("soon", None),
        ("\u00b2", None),
        ("Mon, 02 Mar 99999999999999999999 15:01:00 GMT", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_a_day_at_most(
    value: str | None, expected: timedelta | None
) -> None:
    assert retry_after(value, now=NOW) == expected
