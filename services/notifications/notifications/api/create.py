"""The API, put together from its routers."""

from fastapi import FastAPI

from common.http import create_api
from common.service import Runtime
from notifications.api import (
    audit,
    deliveries,
    notices,
    partner,
    promises,
    receipts,
    tasks,
    webhooks,
)
from notifications.api.given import Given

DESCRIPTION = """
What clinics were promised, what they are told, by which channel, and whether it arrived.

`confirmed` means that the far side said so: a fax gateway that all pages were delivered, an EMR
by its acknowledgement, a webhook endpoint by 2xx. Lists hold ids, codes and times; patient data is
only in a notice's `content` and `page.pdf`: these need `X-Actor`, and `/v1/audit` keeps each look.
"""


def api(runtime: Runtime, given: Given) -> FastAPI:
    """Return the service's API."""
    app = create_api(
        "notifications",
        title="Referral Loop: notifications",
        description=DESCRIPTION,
        runtime=runtime,
    )
    app.state.given = given
    for part in (deliveries, promises, tasks, notices, webhooks, receipts, audit):
        app.include_router(part.router)
    app.webhooks.include_router(partner.router)
    return app
