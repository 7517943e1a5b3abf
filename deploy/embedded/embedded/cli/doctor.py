"""`referral-loop doctor`: what is reachable, what is off, and what to do about it."""

from collections.abc import Iterator
from typing import Annotated

import typer

import emr_bridge.settings
import notifications.settings
from common.settings import SharedSettings
from embedded.checks import clinics, machine, services, settings, tasks
from embedded.checks.finding import Finding
from embedded.checks.tasks import Asked
from embedded.cli.client import Api
from embedded.cli.options import AsJson
from embedded.cli.output import PARTIAL, out, show_json, show_rows
from embedded.system import ALONE

URL_HELP = (
    "Where the three APIs answer below their names; else the variables, else embedded mode's."
)


def doctor(
    url: Annotated[str | None, typer.Option("--url", help=URL_HELP)] = None,
    as_json: AsJson = False,
) -> None:
    """Look at everything; exit 4 when something is off."""
    findings = list(_look(url))
    off = [finding for finding in findings if finding.is_off]
    if as_json:
        show_json([finding.row() for finding in findings])
    else:
        rows = [finding.row() for finding in findings]
        show_rows("Looked at", ("state", "place", "check", "told", "todo"), rows, as_json=False)
        out.print(f"{len(off)} of {len(findings)} off" if off else "all is well")
    if off:
        raise typer.Exit(PARTIAL)


def _look(url: str | None) -> Iterator[Finding]:
    found = list(settings.look())
    yield from found
    if any(finding.check == settings.UNREADABLE and finding.is_off for finding in found):
        return
    bridge = emr_bridge.settings.Settings()
    yield from machine.look(SharedSettings(), mllp=(bridge.mllp_host, bridge.mllp_doors))
    apis = {name: Api(name, f"{url.rstrip('/')}/{name}" if url else None) for name in ALONE}
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
