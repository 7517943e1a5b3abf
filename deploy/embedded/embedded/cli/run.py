"""`referral-loop serve`, `migrate` and `demo`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from common import logs, migrations, runner
from common.errors import Misconfigured
from common.settings import SharedSettings
from embedded.cli.output import FAILED, err, out
from embedded.system import Overrides, compose


def serve() -> None:
    """Run all services in this process, on SQLite, until Ctrl-C; then drain and stop."""
    shared = SharedSettings()
    logs.configure(level=shared.log_level, form=shared.log_format)
    try:
        system = compose(Overrides(), shared=shared)
        for line in system.where_to_look():
            out.print(line, highlight=False)
        runner.until_stopped(system.run())
    except Misconfigured as error:
        err.print(f"[red]{error}[/red]")
        raise typer.Exit(FAILED) from error


def migrate() -> None:
    """Bring every service's database to its newest revision."""

    async def upgrade() -> None:
        async with compose(Overrides()).opened() as system:
            for service in system.services:
                await migrations.upgrade(service.runtime.db, service.migrations)
                out.print(f"{service.name}: up to date")

    asyncio.run(upgrade())


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
    from embedded.demo import play

    raise typer.Exit(play.run(folder, speed=speed, stay=stay))
