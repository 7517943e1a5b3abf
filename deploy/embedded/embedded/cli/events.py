"""`referral-loop events`: what is on the topics. Sealed data is never opened, only named."""

import asyncio
import json
from collections import deque
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.markup import escape

from common.eventlog.port import Record
from common.events.registry import TOPICS
from embedded.cli import existing
from embedded.cli.options import Referral
from embedded.cli.output import NOTHING_TO_DO, fail, out, show_one, visible

app = typer.Typer(no_args_is_help=True)

Topics = Annotated[list[str] | None, typer.Option("--topic", "-t", help="Only this topic.")]
Types = Annotated[list[str] | None, typer.Option("--type", help="Only this type; may be repeated.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document per line.")]


@app.command("tail")
def tail(
    topic: Topics = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new events.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", help="Only the last N (0: all).")] = 0,
    type_: Types = None,
    referral: Referral = None,
    as_json: AsJson = False,
) -> None:
    """Print the events on the topics, oldest first."""
    wanted = Wanted(tuple(topic or TOPICS), frozenset(type_ or ()), referral)
    try:
        asyncio.run(_tail(wanted, follow=follow, limit=limit, as_json=as_json))
    except KeyboardInterrupt:
        raise typer.Exit from None


@app.command("show")
def show(
    event_id: Annotated[UUID, typer.Argument(help="The event's id.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print one event whole, its sealed data withheld."""
    found = asyncio.run(_find(str(event_id)))
    if found is None:
        raise fail(f"no event {event_id} on the topics", code=NOTHING_TO_DO)
    show_one("Event", found, as_json=as_json)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are asked for; an empty filter takes all."""

    topics: tuple[str, ...]
    types: frozenset[str] = frozenset()
    referral: str | None = None

    def holds(self, record: Record, envelope: dict[str, Any]) -> bool:
        """Return whether an event is wanted: a referral's own, or one that names it."""
        if self.types and envelope["type"] not in self.types:
            return False
        named = {record.key, envelope["data"].get("referral_id")}
        return self.referral is None or self.referral in named


async def _tail(wanted: Wanted, *, follow: bool, limit: int, as_json: bool) -> None:
    log = existing.event_log()
    kept: deque[tuple[str, dict[str, Any]]] = deque(maxlen=limit or None)
    try:
        async for record in log.read(wanted.topics, follow=follow):
            envelope = withheld(record.value)
            if not wanted.holds(record, envelope):
                continue
            if limit and not follow:
                kept.append((record.topic, envelope))
            else:
                _print(record.topic, envelope, as_json=as_json)
    finally:
        await log.close()
    for topic, envelope in kept:
        _print(topic, envelope, as_json=as_json)


async def _find(event_id: str) -> dict[str, Any] | None:
    log = existing.event_log()
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


def _print(topic: str, envelope: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(envelope))
        return
    data = envelope["data"]
    codes = " ".join(f"{k}={v}" for k, v in data.items() if k in SHOWN and v is not None)
    told = escape(visible(codes))
    out.print(
        f"[dim]{envelope['time'][:19]}[/dim] {topic:20} [bold]{envelope['type']}[/bold] "
        f"{escape(envelope['subject'])} [dim]{told}[/dim]",
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
