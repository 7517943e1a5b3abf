"""`referral-loop topics`: the topics as declared, and the same in the cluster."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from common.eventlog import topics as declared
from common.eventlog.kafka_settings import KafkaSettings, read_settings
from common.eventlog.topics import Applied, Topic
from common.settings import SharedSettings
from embedded.cli.options import AsJson
from embedded.cli.output import NOTHING_TO_DO, PARTIAL, fail, show_rows

app = typer.Typer(no_args_is_help=True)

File = Annotated[Path, typer.Option("--file", help="The declaration.")]
Replication = Annotated[
    int | None, typer.Option("--replication", min=1, help="Copies, instead of the file's.")
]
DECLARATION = Path("deploy/kafka/topics.yaml")
COLUMNS = ("topic", "partitions", "replication", "state", "differs")


@app.command("apply")
def apply(
    file: File = DECLARATION,
    replication: Replication = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be created.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Create the topics that are missing. What is there but differs is told and left (exit 4)."""
    _compare(file, replication, as_json=as_json, dry_run=dry_run)


@app.command("list")
def list_all(
    file: File = DECLARATION, replication: Replication = None, as_json: AsJson = False
) -> None:
    """List the declared topics and whether the cluster has them so (exit 4: not all)."""
    _compare(file, replication, as_json=as_json, dry_run=True)


def _compare(file: Path, replication: int | None, *, as_json: bool, dry_run: bool) -> None:
    wanted = declared.read_topics(file, replication=replication)
    applied = asyncio.run(declared.apply(_cluster(), wanted, dry_run=dry_run))
    rows = [_row(topic, applied, "missing" if dry_run else "created") for topic in wanted]
    show_rows("Topics", COLUMNS, rows, as_json=as_json)
    if applied.differences or (dry_run and applied.created):
        raise typer.Exit(PARTIAL)


def _cluster() -> KafkaSettings:
    settings = SharedSettings()
    if not (settings.event_log_url or "").startswith("kafka://"):
        raise fail(
            "EVENT_LOG_URL names no cluster: a log in a file has no topics to declare",
            code=NOTHING_TO_DO,
        )
    return read_settings(
        settings.event_log_url or "",
        username=settings.kafka_username,
        password=settings.kafka_password,
        key_password=settings.kafka_key_password,
    )


def _row(topic: Topic, applied: Applied, new: str) -> dict[str, object]:
    differs = [
        f"{d.setting}: {d.found} instead of {d.wanted}"
        for d in applied.differences
        if d.topic == topic.name
    ]
    there = "differs" if differs else "as declared"
    return {
        "topic": topic.name,
        "partitions": topic.partitions,
        "replication": topic.replication,
        "state": new if topic.name in applied.created else there,
        "differs": differs,
        "config": dict(topic.config),
    }
