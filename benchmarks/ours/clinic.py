"""The clinic that everything here comes from, registered as its operator would."""

import httpx2

from benchmarks.harness.contender import Failed

CLINIC = "north-rheum"
SENDER = ("EPIC", "NORTHRHEUM")
"""MSH-3 and MSH-4 of the messages in `messages/`."""

LINK = {"id": "epic", "sending_application": SENDER[0], "sending_facility": SENDER[1]}


async def register(url: str, **facts: object) -> None:
    """Put the clinic into the intake at this URL."""
    body = {"name": CLINIC, "time_zone": "America/Chicago", "baa_signed_on": "2026-01-01"}
    async with httpx2.AsyncClient(base_url=url, timeout=20) as client:
        answer = await client.put(f"/v1/clinics/{CLINIC}", json={**body, **facts})
    if not answer.is_success:
        raise Failed(f"the clinic was not registered: {answer.text}")
