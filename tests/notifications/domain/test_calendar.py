from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.notifications.builders import clinic

from common.events.clinic import OpeningHours, PromiseTerm
from notifications.domain.calendar import Calendar, after_open_time, calendar_of, due, zone

CHICAGO = ZoneInfo("America/Chicago")
WEEKDAYS = tuple(OpeningHours(weekday=day, opens=time(8), closes=time(17)) for day in range(5))
LUNCH = tuple(
    OpeningHours(weekday=day, opens=opens, closes=closes)
    for day in range(5)
    for opens, closes in ((time(13), time(17)), (time(8), time(12)))
)
HOUR = timedelta(hours=1)


def office(*hours: OpeningHours, holidays: frozenset[date] = frozenset()) -> Calendar:
    return Calendar(CHICAGO, hours or WEEKDAYS, holidays)


def chicago(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=CHICAGO)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("start", "span", "expected"),
    [
        (chicago(2026, 3, 2, 9), HOUR, chicago(2026, 3, 2, 10)),
        (chicago(2026, 3, 2, 7), HOUR, chicago(2026, 3, 2, 9)),
        (chicago(2026, 3, 2, 16), HOUR, chicago(2026, 3, 2, 17)),
        (chicago(2026, 3, 2, 16, 30), HOUR, chicago(2026, 3, 3, 8, 30)),
        (chicago(2026, 3, 6, 16, 30), HOUR, chicago(2026, 3, 9, 8, 30)),
        (chicago(2026, 3, 7, 12), HOUR, chicago(2026, 3, 9, 9)),
        (chicago(2026, 3, 2, 8), 24 * HOUR, chicago(2026, 3, 4, 14)),
    ],
    ids=["inside", "before opening", "to closing", "overnight", "over a weekend", "shut", "days"],
)
def test_only_open_time_counts(start: datetime, span: timedelta, expected: datetime) -> None:
    assert after_open_time(start, span, office()) == expected


def test_a_holiday_is_not_counted() -> None:
    thanksgiving = office(holidays=frozenset({date(2026, 11, 26)}))
    start = chicago(2026, 11, 25, 16, 30)
    assert after_open_time(start, HOUR, thanksgiving) == chicago(2026, 11, 27, 8, 30)


def test_a_lunch_break_is_not_counted_whatever_the_order_of_the_entries() -> None:
    start = chicago(2026, 3, 2, 11, 30)
    assert after_open_time(start, HOUR, office(*LUNCH)) == chicago(2026, 3, 2, 13, 30)


def test_opening_hours_follow_the_clinic_into_summer_time() -> None:
    start = chicago(2026, 3, 6, 16)
    finish = after_open_time(start, 2 * HOUR, office())
    assert finish == chicago(2026, 3, 9, 9)
    assert finish - start.astimezone(UTC) == timedelta(days=2, hours=16)


def test_the_hour_that_summer_time_skips_is_not_open() -> None:
    night = OpeningHours(weekday=6, opens=time(1), closes=time(4))
    start = chicago(2026, 3, 8, 1)
    assert after_open_time(start, 2 * HOUR, office(night)) == chicago(2026, 3, 8, 4)


def test_a_night_that_closes_the_next_day_is_one_span() -> None:
    night = OpeningHours(weekday=0, opens=time(22), closes=time(6))
    start = chicago(2026, 3, 2, 23)
    assert after_open_time(start, 2 * HOUR, office(night)) == chicago(2026, 3, 3, 1)
    after_midnight = chicago(2026, 3, 3, 5)
    assert after_open_time(after_midnight, HOUR, office(night)) == chicago(2026, 3, 3, 6)


def test_a_leap_day_is_a_day_like_any_other() -> None:
    start = chicago(2028, 2, 28, 16)
    assert after_open_time(start, 2 * HOUR, office()) == chicago(2028, 2, 29, 9)


def test_a_clinic_that_never_opens_is_owed_by_elapsed_time() -> None:
    start = chicago(2026, 3, 2, 9)
    assert after_open_time(start, HOUR, Calendar(CHICAGO, (), frozenset())) == start + HOUR


def test_a_time_zone_that_nobody_knows_counts_as_utc() -> None:
    assert zone("Mars/Olympus") is UTC
    assert zone("") is UTC


def test_elapsed_time_runs_through_the_night() -> None:
    at = chicago(2026, 3, 2, 16, 30)
    open_hours = clinic(opening_hours=WEEKDAYS, time_zone="America/Chicago")
    assert due(at, PromiseTerm(within=HOUR), open_hours) == at + HOUR
    counted = PromiseTerm(within=HOUR, business_hours=True)
    assert due(at, counted, open_hours) == chicago(2026, 3, 3, 8, 30)
    assert due(at, counted, open_hours, share=0.5) == chicago(2026, 3, 2, 17)
    assert calendar_of(open_hours).zone == CHICAGO


moments = st.integers(0, 5 * 366 * 24 * 60).map(
    lambda minutes: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
spans = st.timedeltas(min_value=timedelta(minutes=1), max_value=timedelta(hours=60))
entries = st.builds(
    OpeningHours,
    weekday=st.integers(0, 6),
    opens=st.sampled_from([time(0), time(6), time(8), time(13, 15)]),
    closes=st.sampled_from([time(5), time(12), time(17, 45), time(23, 59)]),
)
weeks = st.lists(entries, min_size=1, max_size=8).map(tuple)
zones = st.sampled_from(["America/Chicago", "Europe/Berlin", "Asia/Kathmandu", "UTC"]).map(ZoneInfo)
calendars = st.builds(
    Calendar,
    zones,
    weeks,
    st.frozensets(st.dates(date(2024, 1, 1), date(2029, 1, 1)), max_size=5),
)


@given(calendars, moments, spans)
def test_the_end_is_never_before_the_elapsed_time(
    calendar: Calendar, start: datetime, span: timedelta
) -> None:
    assert after_open_time(start, span, calendar) >= start + span


@given(calendars, moments, spans, spans)
def test_two_spans_one_after_the_other_end_where_their_sum_does(
    calendar: Calendar, start: datetime, first: timedelta, second: timedelta
) -> None:
    between = after_open_time(start, first, calendar)
    assert after_open_time(between, second, calendar) == after_open_time(
        start, first + second, calendar
    )


@given(calendars, moments, spans)
def test_the_clinic_is_open_at_the_moment_before_the_end(
    calendar: Calendar, start: datetime, span: timedelta
) -> None:
    end = after_open_time(start, span, calendar)
    assert any(opens < end <= closes for opens, closes in calendar.open_spans(start))
