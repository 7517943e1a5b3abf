"""How dates and times stand on paper, in a clinic's own time zone."""

from datetime import date, datetime

from notifications.domain.calendar import zone


def day(of: date) -> str:
    """Return `Tue Nov 24, 2026`."""
    return f"{_weekday_and_month(of)}, {of.year}"


def weekday(at: datetime, time_zone: str) -> str:
    """Return `Tue Nov 24`."""
    return _weekday_and_month(_in(time_zone, at))


def moment(at: datetime, time_zone: str, *, now: datetime) -> str:
    """Return `Tue Nov 24, 3:15 PM EST`; a year other than the present one is told as well."""
    local, this_year = _in(time_zone, at), _in(time_zone, now).year
    date_ = _weekday_and_month(local) if local.year == this_year else day(local)
    return f"{date_}, {_clock(local)} {_zone(local)}"


def span(start: datetime, end: datetime | None, time_zone: str, *, now: datetime) -> str:
    """Return a moment, or `Tue Nov 24, 9:00 AM to 12:00 PM EST` when its end is known."""
    if end is None or end == start:
        return moment(start, time_zone, now=now)
    first, last = _in(time_zone, start), _in(time_zone, end)
    if first.date() != last.date():
        return f"{moment(start, time_zone, now=now)} to {moment(end, time_zone, now=now)}"
    opens = moment(start, time_zone, now=now).removesuffix(f" {_zone(first)}")
    return f"{opens} to {_clock(last)} {_zone(last)}"


def _in(time_zone: str, at: datetime) -> datetime:
    return at.astimezone(zone(time_zone))


def _weekday_and_month(of: date) -> str:
    return f"{of:%a %b} {of.day}"


def _clock(local: datetime) -> str:
    return f"{local.hour % 12 or 12}:{local.minute:02} {'AM' if local.hour < 12 else 'PM'}"


def _zone(local: datetime) -> str:
    name = local.tzname() or "UTC"
    return name if name.isalpha() else f"UTC{name}"
