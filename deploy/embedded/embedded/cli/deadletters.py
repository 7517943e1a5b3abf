"""`referral-loop dead-letters`: records that were set aside, and their audited replay."""

import asyncio
from typing import Annotated
from uuid import UUID

import typer

from embedded.cli import late
from embedded.cli.client import actor_or_me
from embedded.cli.options import Actor, AsJson, Named, Yes
from embedded.cli.output import (
    FAILED,
    NOTHING_TO_DO,
    PARTIAL,
    WRONG_USAGE,
    err,
    fail,
    show_one,
    show_rows,
)

app = typer.Typer(no_args_is_help=True)

Topic = Annotated[str | None, typer.Option("--topic", help="Only those of this topic.")]
Code = Annotated[str | None, typer.Option("--code", help="Only those with this code.")]
COLUMNS = ("id", "service", "topic", "offset", "type", "code", "attempts", "failed_at")


@app.command("list")
def list_all(
    service: Named = None, topic: Topic = None, code: Code = None, as_json: AsJson = False
) -> None:
    """List what nobody has replayed yet, oldest first within a service."""
    rows = asyncio.run(late.letters.listed(late.letters.Chosen(frozenset(), service, topic, code)))
    show_rows("Dead letters", COLUMNS, rows, as_json=as_json)


@app.command("show")
def show(
    letter_id: Annotated[UUID, typer.Argument(help="The dead letter's id.")],
    as_json: AsJson = False,
) -> None:
    """Show a dead letter with its event, what is sealed withheld."""
    found = asyncio.run(
        late.letters.listed(late.letters.Chosen(frozenset({letter_id})), whole=True)
    )
    if not found:
        raise fail(f"no dead letter {letter_id} waits", code=NOTHING_TO_DO)
    show_one("Dead letter", found[0], as_json=as_json)


@app.command("replay")
def replay(  # noqa: PLR0913 - one parameter per option
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with the letter.")],
    letter_ids: Annotated[list[UUID] | None, typer.Argument(help="Ids; else the filters.")] = None,
    service: Named = None,
    topic: Topic = None,
    code: Code = None,
    by: Actor = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Handle dead letters again, in the service that set them aside. A dry run without --yes."""
    chosen = late.letters.Chosen(frozenset(letter_ids or ()), service, topic, code)
    if chosen == late.letters.Chosen():
        raise fail("name ids, or choose by --service, --topic or --code", code=WRONG_USAGE)
    rows = asyncio.run(late.letters.listed(chosen))
    if not rows:
        raise fail("no such dead letter waits", code=NOTHING_TO_DO)
    if not yes:
        show_rows("Would be replayed", COLUMNS, rows, as_json=as_json)
        err.print("a dry run: add --yes to replay them")
        return
    results = asyncio.run(late.letters.replayed(rows, by=actor_or_me(by), reason=reason))
    show_rows("Replayed", ("id", "service", "outcome"), results, as_json=as_json)
    well = sum(result["outcome"] == "replayed" for result in results)
    if well < len(rows):
        raise typer.Exit(PARTIAL if well else FAILED)
