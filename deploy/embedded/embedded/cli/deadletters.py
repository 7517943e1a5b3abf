"""`referral-loop dead-letters`: records that were set aside, and their audited replay."""

import asyncio
import json
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import typer
from sqlalchemy import RowMapping

from common import deadletter
from common.service import Service
from common.verdicts import code_of
from embedded.cli import existing
from embedded.cli.client import actor_or_me
from embedded.cli.events import withheld
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
from embedded.system import ALONE, of_name

app = typer.Typer(
    help="Records that were set aside. Asks each service's database by its setting.",
    no_args_is_help=True,
)

Topic = Annotated[str | None, typer.Option("--topic", help="Only those of this topic.")]
Code = Annotated[str | None, typer.Option("--code", help="Only those with this code.")]
COLUMNS = ("id", "service", "topic", "offset", "type", "code", "attempts", "failed_at")
TRIED_IN_A_ROW = 5
"""So many failures in a row end a replay: the cause is still there."""

Told = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which dead letters are meant; nothing chooses all."""

    ids: frozenset[UUID] = frozenset()
    service: str | None = None
    topic: str | None = None
    code: str | None = None

    def holds(self, service: str, letter: RowMapping) -> bool:
        """Return whether a letter is meant."""
        return (
            (not self.ids or letter["id"] in self.ids)
            and self.service in {None, service}
            and self.topic in {None, letter["topic"]}
            and self.code in {None, letter["code"]}
        )


@app.command("list")
def list_all(
    service: Named = None, topic: Topic = None, code: Code = None, as_json: AsJson = False
) -> None:
    """List what nobody has replayed yet, oldest first within a service."""
    rows = asyncio.run(_list(Chosen(frozenset(), service, topic, code)))
    show_rows("Dead letters", COLUMNS, rows, as_json=as_json)


@app.command("show")
def show(
    letter_id: Annotated[UUID, typer.Argument(help="The dead letter's id.")],
    as_json: AsJson = False,
) -> None:
    """Show a dead letter with its event, what is sealed withheld."""
    found = asyncio.run(_list(Chosen(frozenset({letter_id})), whole=True))
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
    chosen = Chosen(frozenset(letter_ids or ()), service, topic, code)
    if chosen == Chosen():
        raise fail("name ids, or choose by --service, --topic or --code", code=WRONG_USAGE)
    rows = asyncio.run(_list(chosen))
    if not rows:
        raise fail("no such dead letter waits", code=NOTHING_TO_DO)
    if not yes:
        show_rows("Would be replayed", COLUMNS, rows, as_json=as_json)
        err.print("a dry run: add --yes to replay them")
        return
    results = asyncio.run(_replay_all(rows, by=actor_or_me(by), reason=reason))
    show_rows("Replayed", ("id", "service", "outcome"), results, as_json=as_json)
    well = sum(result["outcome"] == "replayed" for result in results)
    if well < len(rows):
        raise typer.Exit(PARTIAL if well else FAILED)


async def _list(chosen: Chosen, *, whole: bool = False) -> list[Told]:
    rows: list[Told] = []
    wanted = {chosen.service} if chosen.service else set(ALONE)
    async with existing.with_databases(wanted) as system:
        for service in of_name(system.services, chosen.service):
            async with service.runtime.db.read() as tx:
                letters = await deadletter.waiting(tx)
            meant = [letter for letter in letters if chosen.holds(service.name, letter)]
            rows += [_told(service.name, letter, whole=whole) for letter in meant]
    return rows


def _told(service: str, letter: RowMapping, *, whole: bool) -> Told:
    told: Told = {
        "id": str(letter["id"]),
        "service": service,
        "topic": letter["topic"],
        "partition": letter["partition"],
        "offset": letter["record_offset"],
        "key": letter["key"],
        "type": letter["headers"].get("ce_type"),
        "code": letter["code"],
        "attempts": letter["attempts"],
        "failed_at": letter["failed_at"].isoformat(),
    }
    return told | {"headers": letter["headers"], "event": _event(letter)} if whole else told


def _event(letter: RowMapping) -> Any:
    """Return the event, or why it cannot be shown: the bytes of a poison record may be anything."""
    try:
        return withheld(letter["value"])
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError, KeyError, TypeError):
        return f"({len(letter['value'])} bytes that are no event)"


async def _replay_all(rows: list[Told], *, by: str, reason: str) -> list[Told]:
    results: list[Told] = []
    failed_in_a_row = 0
    async with existing.with_databases({row["service"] for row in rows}) as system:
        for row in rows:
            (service,) = of_name(system.services, row["service"])
            outcome = await _replay(service, UUID(row["id"]), by=by, reason=reason)
            results.append({"id": row["id"], "service": service.name, "outcome": outcome})
            failed_in_a_row = 0 if outcome == "replayed" else failed_in_a_row + 1
            if failed_in_a_row == TRIED_IN_A_ROW:
                break
    return results


async def _replay(service: Service, letter_id: UUID, *, by: str, reason: str) -> str:
    runtime = service.runtime
    now = runtime.clock()
    try:
        async with runtime.db.begin() as tx:
            handlers = service.handlers
            await deadletter.replay(tx, letter_id, handlers, by=by, reason=reason, now=now)
    except Exception as error:  # noqa: BLE001 - the cause is still there: told, and the letter waits on
        return code_of(error)
    return "replayed"
