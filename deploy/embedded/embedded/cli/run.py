"""`referral-loop serve`, `migrate` and `demo`."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from common import logs, unknown_settings
from common.settings import SharedSettings
from embedded.cli import late
from embedded.cli.options import AsJson, Named
from embedded.cli.output import WRONG_USAGE, fail, out, show_json, show_rows
from embedded.parts import NAMED_BY_US, SERVICES


def serve(service: Named = None, as_json: AsJson = False) -> None:
    """Run all services in this process, on SQLite, until Ctrl-C; then drain and stop."""
    if service is not None:
        _serve_alone(service)
        return
    if as_json:
        os.environ["LOG_FORMAT"] = "json"  # also of the process that reads beside this one
    shared = SharedSettings()
    logs.configure(level=shared.log_level, form=shared.log_format)
    unknown_settings.warn(NAMED_BY_US)
    system = late.system.compose(late.system.Overrides(), shared=shared, reads_apart=True)
    if as_json:
        mllp, tls = (system.mllp.get(spoken) for spoken in ("MLLP", "MLLP over TLS"))
        show_json({"url": system.url, "mllp": mllp, "mllp_tls": tls})
    else:
        for line in system.where_to_look():
            out.print(line, highlight=False)
    late.runner.until_stopped(system.run())


def _serve_alone(name: str) -> None:
    """Run one service as its own image does; logs and address by its own settings."""
    if name not in SERVICES:
        raise fail(f"there is no service {name}: {', '.join(SERVICES)}", code=WRONG_USAGE)
    late.runner.main(name, SERVICES[name], late.system.ALONE[name])


def migrate(service: Named = None, as_json: AsJson = False) -> None:
    """Bring the databases to their newest revision."""

    async def upgrade() -> list[str]:
        composed = late.system.compose(late.system.Overrides())
        async with composed.opened(migrate=False) as system:
            wanted = late.system.of_name(system.services, service)
            for one in wanted:
                await late.migrations.upgrade(one.runtime.db, one.migrations)
            return [one.name for one in wanted]

    done = asyncio.run(upgrade())
    rows = [{"service": name, "database": "up to date"} for name in done]
    show_rows("Migrated", ("service", "database"), rows, as_json=as_json)


def demo(
    folder: Annotated[
        Path, typer.Option(help="Where its data and fax pages go; emptied first.")
    ] = Path("var/demo"),
    speed: Annotated[
        float, typer.Option(help="How many times faster than life the clock runs.")
    ] = 120.0,
    stay: Annotated[bool, typer.Option("--stay", help="Keep serving after the story.")] = False,
) -> None:
    """Show the whole loop on synthetic clinics; exit 0 only if every promise was kept."""
    raise typer.Exit(late.play.run(folder, speed=speed, stay=stay))
