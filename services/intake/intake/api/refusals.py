"""Which refusals an endpoint may answer with, so that the documentation names each and no other."""

from typing import Any

from common.http import PROBLEMS

Refusals = dict[int | str, dict[str, Any]]


def _of(*statuses: int) -> Refusals:
    """Return these and what every endpoint may answer: no token, unusable parameters, an outage."""
    return {status: PROBLEMS[status] for status in (401, 422, 503, *statuses)}


LISTING = _of()
READING = _of(404)
SUBMITTING = _of(400, 409, 413)
ADDING = _of(400, 404, 409, 413)
PUTTING = _of(400, 409, 412, 413)
COMMANDING = _of(400, 404, 409, 412, 413)
