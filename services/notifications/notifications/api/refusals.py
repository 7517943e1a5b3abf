"""Which refusals an endpoint may answer with, so that the documentation names each and no other."""

from typing import Any

from common.http import PROBLEMS

Refusals = dict[int | str, dict[str, Any]]

CHANGING = (400, 404, 409, 413)
"""What an endpoint that takes a body may say besides."""


def refusals(*statuses: int) -> Refusals:
    """Return these and what every endpoint may answer: no token, unusable parameters, an outage."""
    return {status: PROBLEMS[status] for status in (401, 422, 503, *statuses)}
