"""Everything that is looked at, in the order in which one thing hides the next."""

from collections.abc import Iterator

import emr_bridge.settings
import notifications.settings
from common.settings import SharedSettings
from embedded.checks import clinics, machine, services, settings, tasks
from embedded.checks.finding import Finding
from embedded.checks.tasks import Asked
from embedded.cli.client import Api
from embedded.parts import SERVICES


def look(url: str | None) -> Iterator[Finding]:
    """Look at the settings, this machine, each service, and what waits; `url` is where all APIs are."""
    found = list(settings.look())
    yield from found
    if any(finding.check == settings.UNREADABLE and finding.is_off for finding in found):
        return
    bridge = emr_bridge.settings.Settings()
    yield from machine.look(SharedSettings(), mllp=(bridge.mllp_host, bridge.mllp_doors))
    apis = {name: Api(name, f"{url.rstrip('/')}/{name}" if url else None) for name in SERVICES}
    silent: set[str] = set()
    for name, api in apis.items():
        for finding in services.look(api):
            yield finding
            if finding.check == "answers" and finding.is_off:
                silent.add(name)
    asked = Asked()
    if "notifications" not in silent:
        asked = tasks.ask(apis["notifications"])
        yield tasks.look(asked)
    if not silent & {"intake", "emr-bridge"}:
        own = notifications.settings.Settings()
        yield from clinics.look(apis["intake"], apis["emr-bridge"], own, asked)
