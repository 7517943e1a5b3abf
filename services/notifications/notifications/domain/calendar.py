"""When a span of time is over: by the clock on the wall, or only while a clinic is open."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from common.events.clinic import OpeningHours, PromiseTerm
from notifications.domain.clinic import Clinic

HORIZON = timedelta(days=366)
"""A clinic that never opens within a year has no business hours: its clock runs by elapsed time."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """When a clinic is open. An entry that closes at or before it opens closes the next day."""

    zone: tzinfo
    opening_hours: tuple[OpeningHours, ...]
    holidays: frozenset[date]

    def open_spans(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield the open spans in UTC that end after `start`, for a year; they may overlap."""
        first = start.astimezone(self.zone).date() - timedelta(days=1)
        for offset in range(HORIZON.days + 2):
            day = first + timedelta(days=offset)
            if day not in self.holidays:
                yield from self._spans_on(day)

    def _spans_on(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        hours = (entry for entry in self.opening_hours if entry.weekday == day.weekday())
        for entry in sorted(hours, key=lambda entry: entry.opens):
            last = day + timedelta(days=1) if entry.closes <= entry.opens else day
            opens = datetime.combine(day, entry.opens, self.zone).astimezone(UTC)
            yield opens, datetime.combine(last, entry.closes, self.zone).astimezone(UTC)


def calendar_of(clinic: Clinic) -> Calendar:
    """Return the clinic's calendar."""
    return Calendar(zone(clinic.time_zone), clinic.opening_hours, frozenset(clinic.holidays))


def zone(name: str) -> tzinfo:
    """Return a time zone; UTC when its name is not known here."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def due(start: datetime, term: PromiseTerm, clinic: Clinic, *, share: float = 1.0) -> datetime:
    """Return when `share` of the term is over that began at `start`, in UTC."""
    within = term.within * share
    if term.business_hours:
        return after_open_time(start, within, calendar_of(clinic))
    return start.astimezone(UTC) + within


def after_open_time(start: datetime, span: timedelta, calendar: Calendar) -> datetime:
    """Return the moment by which the clinic was open for `span` since `start`, in UTC.

    A span that is used up exactly at closing time ends then, not at the next opening.
    """
    cursor, remaining = start.astimezone(UTC), span
    for opens, closes in calendar.open_spans(cursor):
        begins = max(cursor, opens)
        if closes <= begins:
            continue
        if remaining <= closes - begins:
            return begins + remaining
        remaining -= closes - begins
        cursor = closes
    return start.astimezone(UTC) + span
