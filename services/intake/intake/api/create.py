"""The whole API, put together."""

from fastapi import FastAPI

from common.http import create_api
from common.service import Runtime
from intake.api import (
    clinics,
    commands,
    documents,
    machine,
    prior_authorizations,
    referrals,
    reviews,
    submitting,
)
from intake.handlers.desk import Desk

DESCRIPTION = """
Referrals to a specialty pharmacy: submitting them, their status and who must act next, and the
commands that move them. Every command endpoint takes `If-Match` (a stale one is a 412), `X-Actor`
and, on POST, `Idempotency-Key`; a command that the status does not take is a 409 that names the
allowed ones. Errors are `application/problem+json` with a pointer to each field.
"""

PARTS = (
    submitting,
    referrals,
    commands,
    prior_authorizations,
    documents,
    clinics,
    reviews,
    machine,
)


def api(runtime: Runtime, desk: Desk) -> FastAPI:
    """Return the API of intake."""
    made = create_api(
        "intake", title="Referral Loop: intake", description=DESCRIPTION, runtime=runtime
    )
    made.state.desk = desk
    made.state.door = submitting.Door(runtime)
    for part in PARTS:
        made.include_router(part.router)
    return made
