"""The world around the system: a fax gateway, an EMR, a webhook receiver, three clinics."""

import contextlib
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import httpx2
from tests.system.books import Books

from simulators import emr, fax_gateway, webhook_receiver
from simulators.emr import EmrServer
from simulators.fax_gateway import Gateway
from simulators.webhook_receiver.receiver import Receiver

SECRET = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="


class System(Protocol):
    """What the world sees of the system, in one process or in many."""

    @property
    def mllp_port(self) -> int: ...

    @property
    def books(self) -> Books: ...

    async def call(self, method: str, path: str, **options: Any) -> httpx2.Response: ...


@dataclass
class Outside:
    """What is outside."""

    gateway: Gateway
    emr: EmrServer
    hook: Receiver

    async def register(self, system: System, clinic_id: str, **facts: Any) -> None:
        """Put a clinic."""
        body = {
            "name": clinic_id.replace("-", " "),
            "time_zone": "America/Chicago",
            "contacts": [{"name": "ZZTESTCOORD Ruth", "role": "referral_coordinator"}],
            "baa_signed_on": "2026-01-01",
        }
        answer = await system.call("PUT", f"/intake/v1/clinics/{clinic_id}", json=body | facts)
        assert answer.is_success, answer.text

    async def register_all(self, system: System) -> None:
        """Put one clinic per channel; the first also sends over MLLP."""
        link = {
            "id": "zz-link",
            "sending_application": "ZZEMR",
            "sending_facility": "ZZCLINIC",
            "host": "127.0.0.1",
            "port": self.emr.port,
        }
        await self.register(system, "zz-emr", channels=["emr"], hl7_links=[link])
        number = {"number": "+13125550000", "verified_on": "2026-01-01"}
        await self.register(system, "zz-fax", channels=["fax"], fax_numbers=[number])
        hook = {"url": self.hook.url, "secret": SECRET}
        await self.register(system, "zz-hook", channels=["webhook"], webhook=hook)


@contextlib.asynccontextmanager
async def outside(folder: Path) -> AsyncGenerator[Outside]:
    """Run the stand-ins in this event loop."""
    async with AsyncExitStack() as stack:
        faxes = fax_gateway.running(folder=folder / "faxes", answer_after=0.1)
        gateway = await stack.enter_async_context(faxes)
        far = await stack.enter_async_context(emr.running())
        hook = await stack.enter_async_context(webhook_receiver.running(secret=SECRET))
        yield Outside(gateway, far, hook)


def settings_for(gateway: Gateway) -> dict[str, str]:
    """Return the environment that points the system at the stand-ins, on a clock that runs faster."""
    return {
        "CLOCK_SPEED": "20",
        "CLOCK_BEGAN": datetime.now(UTC).isoformat(),
        "NOTIFICATIONS_SINCH_BASE_URL": gateway.base_url,
        "NOTIFICATIONS_SINCH_PROJECT_ID": gateway.account.project_id,
        "NOTIFICATIONS_SINCH_KEY_ID": gateway.account.key_id,
        "NOTIFICATIONS_SINCH_KEY_SECRET": gateway.account.key_secret,
        "NOTIFICATIONS_FAX_FROM_NUMBER": "+13125550198",
        "NOTIFICATIONS_WEBHOOK_ALLOW_LOOPBACK": "true",
        "NOTIFICATIONS_TICK_SECONDS": "0.1",
        "NOTIFICATIONS_LEASE_SECONDS": "60",
        "NOTIFICATIONS_FAX_POLL_SECONDS": "5",
        "NOTIFICATIONS_FAX_LOOK_UP_SECONDS": "10",
    }
