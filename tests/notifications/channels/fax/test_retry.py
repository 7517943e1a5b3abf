from datetime import timedelta

import pytest

from notifications.channels.fax.retry import RETRIES, SCHEDULE, next_attempt
from notifications.ports import FailureClass as F

AS_LONG_AS_THE_SCHEDULE = [F.BUSY, F.NO_ANSWER, F.LINE, F.FAX_PROTOCOL, F.PROVIDER, F.PARTIAL]


def attempts_of(failure):
    """When each attempt is made, in minutes after the first, if every one fails like this."""
    made = [timedelta()]
    while (due := next_attempt(failure, len(made))) is not None:
        made.append(due)
    return [at.total_seconds() / 60 for at in made]


@pytest.mark.parametrize("failure", AS_LONG_AS_THE_SCHEDULE)
def test_what_may_pass_is_tried_seven_times_within_forty_minutes(failure):
    assert attempts_of(failure) == [0, 2, 5, 10, 15, 25, 40]


@pytest.mark.parametrize("failure", [F.NO_FAX_TONE, F.OTHER])
def test_a_voice_that_answers_or_an_unknown_failure_is_tried_once_more(failure):
    assert attempts_of(failure) == [0, 2]


@pytest.mark.parametrize("failure", [F.BAD_NUMBER, F.DOCUMENT, F.ACCOUNT, F.CANCELLED])
def test_what_no_repetition_mends_is_not_repeated(failure):
    assert attempts_of(failure) == [0]


def test_attempts_count_whatever_each_failed_of():
    assert next_attempt(F.BUSY, 2) == timedelta(minutes=5)
    assert next_attempt(F.NO_FAX_TONE, 2) is None


def test_every_class_of_failure_has_a_rule():
    assert set(RETRIES) == set(F)


def test_the_last_attempt_leaves_time_within_the_hour():
    """INVARIANT: a receipt is promised in 60 minutes and is handed to the next channel at 45."""
    assert max(SCHEDULE) < timedelta(minutes=45)
