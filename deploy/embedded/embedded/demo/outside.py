"""The world outside of the demonstration: stand-ins for a fax gateway, two EMRs and two webhook receivers."""

import contextlib
import socket
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from embedded.demo.desk import StoryBroken
from embedded.system import Overrides
from simulators import emr, fax_gateway, webhook_receiver
from simulators.emr import EmrServer, down
from simulators.fax_gateway import Account, Gateway
from simulators.webhook_receiver.receiver import Receiver


@dataclass(frozen=True, slots=True)
class Outside:
    """The stand-ins for the world outside, running."""

    gateway: Gateway
    lakeside: EmrServer
    pine: EmrServer
    harbor_hook: Receiver
    pine_hook: Receiver


@contextlib.asynccontextmanager
async def standing_in(folder: Path) -> AsyncGenerator[Outside]:
    """Run the stand-ins; Pine Street's EMR is down, and faxes are left in `folder`."""
    secret = webhook_receiver.new_secret()
    async with (
        fax_gateway.running(folder=folder / "faxes") as gateway,
        emr.running() as lakeside,
        emr.running(then=down()) as pine,
        webhook_receiver.running(secret=secret) as harbor_hook,
        webhook_receiver.running(secret=secret) as pine_hook,
    ):
        yield Outside(gateway, lakeside, pine, harbor_hook, pine_hook)


def overrides(outside: Outside, folder: Path) -> Overrides:
    """Return the settings that point the system at the stand-ins, on the usual ports where they are free."""
    port, mllp_port = port_near(8000), port_near(2575)
    account = Account()
    url = f"http://127.0.0.1:{port}"
    return Overrides(
        intake={"database_url": None},
        emr_bridge={
            "database_url": None,
            "mllp_host": "127.0.0.1",
            "mllp_port": mllp_port,
            "mllp_tls_certificate": None,
        },
        notifications={
            "database_url": None,
            "pharmacy_name": "Riverside Specialty Pharmacy",
            "pharmacy_phone": "+13125550199",
            "referral_url": url + "/intake/v1/referrals/{referral_id}",
            "sinch_base_url": outside.gateway.base_url,
            "sinch_project_id": account.project_id,
            "sinch_key_id": account.key_id,
            "sinch_key_secret": account.key_secret,
            "fax_from_number": "+13125550198",
            "callback_base_url": f"{url}/notifications",
            "callback_secret": f"demo-{folder.name}-callback-secret",
            "webhook_allow_loopback": True,
            "tick_seconds": 0.1,
        },
        embedded={"port": port},
    )


def port_near(wanted: int) -> int:
    """Return the usual port, or a free one where another program has it."""
    for candidate in (wanted, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise StoryBroken("no free port on 127.0.0.1")
