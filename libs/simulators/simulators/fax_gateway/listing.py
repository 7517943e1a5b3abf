"""GET /faxes: which faxes match the query, and which page of them (Sinch Fax API v3).

`createTime` takes a part of a date (all of that day or month) or a moment (from it on);
`createTime>=` and `createTime<=` bound a range.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from math import ceil
from typing import Any

from simulators.fax_gateway.errors import RefusedError
from simulators.fax_gateway.fax import Fax, timestamp

MAX_PAGE_SIZE = 1000


def listing(faxes: list[Fax], query: Mapping[str, str], project_id: str) -> dict[str, Any]:
    """Answer a list request: the matching faxes of one page, and where that page stands."""
    found = [fax for fax in faxes if _matches(fax, query)]
    size = _number(query.get("pageSize"), default=100, most=MAX_PAGE_SIZE)
    page = _number(query.get("page"), default=1, most=1_000_000)
    return {
        "faxes": [fax.as_json(project_id) for fax in found[(page - 1) * size : page * size]],
        "pageNumber": page,
        "pageSize": size,
        "totalPages": max(ceil(len(found) / size), 1),
        "totalItems": len(found),
    }


def _number(text: str | None, *, default: int, most: int) -> int:
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        raise RefusedError(400)
    return int(text)


def _matches(fax: Fax, query: Mapping[str, str]) -> bool:
    return (
        _is(fax.direction, query.get("direction"))
        and _is(fax.status.value, query.get("status"))
        and _is(fax.request.service_id, query.get("serviceId"))
        and fax.to.startswith(_plus(query.get("to", "")))
        and fax.request.sender.startswith(_plus(query.get("from", "")))
        and _was_created_at(fax.created, query.get("createTime", ""))
        and _was_created_within(fax.created, query)
    )


def _is(value: str, wanted: str | None) -> bool:
    return wanted is None or value == wanted


def _plus(number: str) -> str:
    """Undo what form decoding does to the `+` of an unescaped E.164 number."""
    return number.replace(" ", "+", 1) if number.startswith(" ") else number


def _was_created_at(created: datetime, wanted: str) -> bool:
    if "T" in wanted:
        return created >= _moment(wanted)
    return timestamp(created).startswith(wanted)


def _was_created_within(created: datetime, query: Mapping[str, str]) -> bool:
    earliest, latest = query.get("createTime>"), query.get("createTime<")
    if earliest and created < _moment(earliest):
        return False
    # A bare date as an upper bound takes in that whole day.
    if latest and "T" not in latest:
        return timestamp(created)[: len(latest)] <= latest
    return not latest or created <= _moment(latest)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(_plus_offset(text))
    except ValueError as error:
        raise RefusedError(400) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _plus_offset(text: str) -> str:
    return text.replace(" ", "+")
