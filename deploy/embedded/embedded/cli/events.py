"""`referral-loop events`: what is on the topics. Sealed data is never opened, only named."""

import asyncio
import json
from typing import Annotated, Any
from uuid import UUID

import typer

from common.eventlog.open import open_log
from common.eventlog.port import Record
from common.events.registry import TOPICS
from common.settings import SharedSettings
from embedded.cli.output import NOTHING_TO_DO, err, out, show_json

app = typer.Typer(help="The event topics.", no_args_is_help=True)

Topics = Annotated[list[str] | None, typer.Option("--topic", "-t", help="Only this topic.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document per line.")]


@app.command("tail")
def tail(
    topic: Topics = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new events.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", help="Only the last N (0: all).")] = 0,
    as_json: AsJson = False,
) -> None:
    """Print the events on the topics, oldest first."""
    try:
        asyncio.run(_tail(topic or list(TOPICS), follow=follow, limit=limit, as_json=as_json))
    except KeyboardInterrupt:
        raise typer.Exit from None


@app.command("show")
def show(event_id: Annotated[UUID, typer.Argument(help="The event's id.")]) -> None:
    """Print one event whole, its sealed data withheld."""
    found = asyncio.run(_find(str(event_id)))
    if found is None:
        err.print(f"no event {event_id} on the topics")
        raise typer.Exit(NOTHING_TO_DO)
    show_json(found)


async def _tail(topics: list[str], *, follow: bool, limit: int, as_json: bool) -> None:
    log = open_log(SharedSettings())
    kept: list[Record] = []
    try:
        async for record in log.read(topics, follow=follow):
            if limit and not follow:
                kept = [*kept, record][-limit:]
            else:
                _print(record, as_json=as_json)
    finally:
        await log.close()
    for record in kept:
        _print(record, as_json=as_json)


async def _find(event_id: str) -> dict[str, Any] | None:
    log = open_log(SharedSettings())
    try:
        async for record in log.read(TOPICS, follow=False):
            if record.headers.get("ce_id") == event_id:
                return withheld(record.value)
    finally:
        await log.close()
    return None


def withheld(value: bytes) -> dict[str, Any]:
    """Return an event with its sealed data replaced by the id of the key."""
    envelope: dict[str, Any] = json.loads(value)
    sealed = envelope.get("data", {}).get("sealed")
    if sealed:
        envelope["data"]["sealed"] = f"(sealed with key {sealed['key_id']})"
    return envelope


def _print(record: Record, *, as_json: bool) -> None:
    envelope = withheld(record.value)
    if as_json:
        typer.echo(json.dumps(envelope))
        return
    data = envelope["data"]
    told = " ".join(f"{k}={v}" for k, v in data.items() if k in SHOWN and v is not None)
    out.print(
        f"[dim]{envelope['time'][:19]}[/dim] {record.topic:20} [bold]{envelope['type']}[/bold] "
        f"{envelope['subject']} [dim]{told}[/dim]",
        highlight=False,
        soft_wrap=True,
    )


SHOWN = (
    "code",
    "clinic_id",
    "status",
    "waiting_on",
    "state",
    "kind",
    "channel",
    "control_id",
    "verdict",
)
