"""How the gateway says no: one exception, and its JSON (Sinch Fax API v3)."""

from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

from simulators.fax_gateway.request import InvalidSendError

MESSAGES = {
    400: "Bad request",
    401: "Unauthorized",
    402: "The account has no funds",
    404: "Not found",
    422: "Validation failed",
    429: "Too many requests",
    500: "Internal error",
    503: "Service unavailable",
}


class RefusedError(Exception):
    """A call that is answered with an error status."""

    def __init__(self, status: int, *, retry_after: int | None = None) -> None:
        super().__init__(MESSAGES[status])
        self.status = status
        self.retry_after = retry_after


async def answer_refusal(_: Request, error: RefusedError) -> JSONResponse:
    """Turn a refusal into its status, with Retry-After (seconds) where it has one."""
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        headers["WWW-Authenticate"] = "Basic"
    return JSONResponse(_body(error.status, {}), status_code=error.status, headers=headers)


async def answer_violations(_: Request, error: InvalidSendError) -> JSONResponse:
    """Turn an invalid send into 422 with one fieldViolation for each bad field."""
    violations = [{"field": name, "description": text} for name, text in error.violations]
    return JSONResponse(_body(422, {"fieldViolations": violations}), status_code=422)


def _body(status: int, details: dict[str, Any]) -> dict[str, Any]:
    return {"code": str(status), "message": MESSAGES[status], "details": details}
