"""What the demonstration's people do: the pharmacy by REST, the clinics' EMRs by MLLP."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx2

from common.clock import Clock
from common.ids import new_id

Json = dict[str, Any]


class StoryBroken(Exception):
    """The system answered otherwise than the story needs."""


@dataclass(frozen=True, slots=True)
class Desk:
    """A place to work from: an HTTP client on the system, and the fast clock."""

    http: httpx2.AsyncClient
    clock: Clock
    speed: float

    async def pause(self, minutes: float) -> None:
        """Let minutes of the story pass."""
        await asyncio.sleep(minutes * 60 / self.speed)

    def soon(self, *, minutes: int) -> str:
        """Return a time some minutes ahead in the story, as the API takes it."""
        return (
            (self.clock() + timedelta(minutes=minutes)).replace(second=0, microsecond=0).isoformat()
        )

    def day(self, *, days: int) -> str:
        """Return a date some days ahead."""
        return str((self.clock() + timedelta(days=days)).date())

    def now(self) -> datetime:
        """Return the time of the story."""
        return self.clock()

    async def refer(self, body: Json, *, key: str) -> str:
        """Refer by REST under an Idempotency-Key; return the referral's id."""
        headers = {"Idempotency-Key": key}
        answer = await self._send("POST", "/intake/v1/referrals", body, headers=headers)
        return str(answer["id"])

    async def do(self, referral: str, command: str, **body: Any) -> Json:
        """Give one command."""
        return await self._send("POST", f"/intake/v1/referrals/{referral}/{command}", body)

    async def authorize(self, referral: str, authorization: str, state: str, **body: Any) -> Json:
        """Put a prior authorization into a state."""
        path = f"/intake/v1/referrals/{referral}/prior-authorizations/{authorization}"
        return await self._send("PUT", path, {"state": state} | body)

    async def find(self, order_number: str) -> str:
        """Return the id of the referral that came in under a clinic's own number, once it is there."""
        for _ in range(200):
            query = f"/intake/v1/referrals?external_id={order_number}"
            found = (await self._send("GET", query))["items"]
            if found:
                return str(found[0]["id"])
            await asyncio.sleep(0.1)
        raise StoryBroken(f"order {order_number} did not become a referral")

    async def read(self, path: str, *, by: str | None = None) -> Json:
        """Read anything; patient data only under a name."""
        return await self._send("GET", path, headers={"X-Actor": by} if by else None)

    async def _send(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        headers: dict[str, str] | None = None,
    ) -> Json:
        response = await self.http.request(method, path, json=body, headers=headers)
        if response.is_error:
            raise StoryBroken(f"{method} {path}: {response.status_code} {response.text}")
        answer: Json = response.json()
        return answer


def authorization_id() -> str:
    """Return an id for a prior authorization: the caller chooses it."""
    return str(new_id())
