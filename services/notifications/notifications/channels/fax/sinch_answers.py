"""What Sinch's HTTP answers say, in the port's words. Knows no network."""

from datetime import datetime
from typing import Any, Final

import httpx2

from notifications.channels.fax.failure import classify
from notifications.ports import FailureClass, FaxState, FaxStatus, GatewayUnavailable, Refused

STATES: Final = {
    "QUEUED": FaxState.QUEUED,
    "IN_PROGRESS": FaxState.SENDING,
    "COMPLETED": FaxState.DELIVERED,
    "FAILURE": FaxState.FAILED,
}
BY_STATUS: Final = {
    401: FailureClass.ACCOUNT,
    402: FailureClass.ACCOUNT,
    403: FailureClass.ACCOUNT,
    # The project does not exist, or is not ours.
    404: FailureClass.ACCOUNT,
    408: FailureClass.PROVIDER,
    413: FailureClass.DOCUMENT,
    415: FailureClass.DOCUMENT,
    429: FailureClass.PROVIDER,
}
BY_FIELD: Final = {
    "to": FailureClass.BAD_NUMBER,
    "file": FailureClass.DOCUMENT,
    "files": FailureClass.DOCUMENT,
    "contentUrl": FailureClass.DOCUMENT,
    # What we set up once is wrong: nobody but operations can put it right.
    "from": FailureClass.ACCOUNT,
    "serviceId": FailureClass.ACCOUNT,
    "callbackUrl": FailureClass.ACCOUNT,
}


def json_object(answer: httpx2.Response) -> dict[str, Any] | None:
    """Return the answer's JSON object, or None when it is something else."""
    try:
        content = answer.json()
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def fax_status(fax: dict[str, Any]) -> FaxStatus:
    """Read a Fax resource. Raises GatewayUnavailable when it is none that we know."""
    gateway_id, state = fax.get("id"), STATES.get(str(fax.get("status")))
    if not isinstance(gateway_id, str) or state is None:
        raise GatewayUnavailable("not a fax")
    pages_ok, pages = _number(fax, "pagesSentSuccessfully"), _number(fax, "numberOfPages")
    incomplete = pages_ok is not None and pages is not None and pages_ok < pages
    if state is FaxState.DELIVERED and incomplete:
        # Delivered means that every page is there, whatever the gateway calls it.
        return FaxStatus(
            gateway_id,
            FaxState.FAILED,
            failure=FailureClass.PARTIAL,
            code=f"{fax['status']}/{pages_ok}",
            pages_ok=pages_ok,
        )
    if state is not FaxState.FAILED:
        return FaxStatus(
            gateway_id, state, pages_ok=pages_ok, ended_at=_moment(fax, "completedTime")
        )
    error_type, code = fax.get("errorType"), _number(fax, "errorCode")
    return FaxStatus(
        gateway_id,
        state,
        failure=classify(error_type, code, pages_ok=pages_ok or 0, pages=pages or 0),
        code=f"{error_type}/{code}",
        pages_ok=pages_ok,
    )


def refusal(answer: httpx2.Response) -> Refused:
    """Say why a send was refused: by the status, or by the field that Sinch did not like."""
    status = answer.status_code
    if status >= 500:
        failure = FailureClass.PROVIDER
    else:
        failure = BY_STATUS.get(status) or _by_field(_fields(answer))
    return Refused(failure, code=str(status), retry_after_seconds=_retry_after(answer))


def _by_field(fields: list[str]) -> FailureClass:
    known = (BY_FIELD[field] for field in fields if field in BY_FIELD)
    return next(known, FailureClass.OTHER)


def _fields(answer: httpx2.Response) -> list[str]:
    details = (json_object(answer) or {}).get("details")
    violations = details.get("fieldViolations") if isinstance(details, dict) else None
    return [str(item.get("field")) for item in violations or () if isinstance(item, dict)]


def _retry_after(answer: httpx2.Response) -> float | None:
    seconds = answer.headers.get("Retry-After", "")
    return float(seconds) if seconds.isascii() and seconds.isdigit() else None


def _number(fax: dict[str, Any], field: str) -> int | None:
    value = fax.get(field)
    return int(value) if isinstance(value, int | str) and str(value).isdecimal() else None


def _moment(fax: dict[str, Any], field: str) -> datetime | None:
    """Read an RFC 3339 time; one without an offset could be any."""
    try:
        moment = datetime.fromisoformat(str(fax.get(field)))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
