"""`referral-loop dead-letters`: records that were set aside, and their audited replay."""

import asyncio
import getpass
from typing import Annotated
from uuid import UUID

import typer

from common import deadletter
from embedded.cli.output import NOTHING_TO_DO, err, out, show_json, show_rows
from embedded.system import Overrides, compose

app = typer.Typer(help="Records that were set aside.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_all(as_json: AsJson = False) -> None:
    """List what nobody has replayed yet, of every service."""
    rows = asyncio.run(_list())
    if as_json:
        show_json(rows)
        return
    columns = ("id", "service", "topic", "offset", "code", "attempts", "failed at")
    show_rows("Dead letters", columns, [tuple(row.values()) for row in rows])


@app.command("replay")
def replay(
    letter_id: Annotated[UUID, typer.Argument(help="The dead letter's id.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with the letter.")],
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it; without this only say what it is.")
    ] = False,
) -> None:
    """Handle one again, in the service that set it aside."""
    row = next((r for r in asyncio.run(_list()) if r["id"] == str(letter_id)), None)
    if row is None:
        err.print(f"no dead letter {letter_id} waits")
        raise typer.Exit(NOTHING_TO_DO)
    if not yes:
        show_json(row)
        out.print("a dry run: add --yes to replay it")
        return
    asyncio.run(_replay(letter_id, row["service"], reason))
    out.print(f"replayed {letter_id}")


async def _list() -> list[dict[str, str]]:
    async with compose(Overrides()).opened() as system:
        rows = []
        for service in system.services:
            async with service.runtime.db.read() as tx:
                rows += [
                    {
                        "id": str(letter["id"]),
                        "service": service.name,
                        "topic": letter["topic"],
                        "offset": str(letter["record_offset"]),
                        "code": letter["code"],
                        "attempts": str(letter["attempts"]),
                        "failed_at": letter["failed_at"].isoformat(),
                    }
                    for letter in await deadletter.waiting(tx)
                ]
        return rows


async def _replay(letter_id: UUID, name: str, reason: str) -> None:
    async with compose(Overrides()).opened() as system:
        service = next(s for s in system.services if s.name == name)
        runtime = service.runtime
        async with runtime.db.begin() as tx:
            await deadletter.replay(
                tx,
                letter_id,
                service.handlers,
                by=getpass.getuser(),
                reason=reason,
                now=runtime.clock(),
            )
