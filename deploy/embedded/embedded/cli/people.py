"""`referral-loop reviews` and `tasks`: what waits for a person."""

from typing import Annotated
from uuid import UUID

import typer

from embedded.cli.client import Api, actor_or_me
from embedded.cli.options import Actor, AsJson, Clinic, IntakeUrl, Limit, NotificationsUrl
from embedded.cli.output import show_one, show_rows

reviews = typer.Typer(no_args_is_help=True)
tasks = typer.Typer(no_args_is_help=True)

WITHHELD = {"submission", "note"}
"""Patient data."""

State = Annotated[str, typer.Option("--state", help="open, done (tasks), resolved (reviews), all.")]


@reviews.command("list")
def list_reviews(
    state: State = "open", limit: Limit = 50, url: IntakeUrl = None, as_json: AsJson = False
) -> None:
    """List reviews, oldest first, without what they hold of patients."""
    found = Api("intake", url).listed("/v1/reviews", {"state": state}, limit=limit)
    rows = [{k: v for k, v in row.items() if k not in WITHHELD} for row in found]
    columns = ("id", "opened_at", "reason", "door", "sender", "clinic_id", "message_type")
    show_rows("Reviews", columns, rows, as_json=as_json)


@tasks.command("list")
def list_tasks(
    state: State = "open",
    kind: Annotated[str | None, typer.Option("--kind", help="Such as promise_broken.")] = None,
    clinic: Clinic = None,
    limit: Limit = 50,
    url: NotificationsUrl = None,
    as_json: AsJson = False,
) -> None:
    """List tasks, newest first."""
    where = {"state": None if state == "all" else state, "kind": kind, "clinic_id": clinic}
    rows = Api("notifications", url).listed("/v1/tasks", where, limit=limit)
    columns = ("id", "created_at", "kind", "clinic_id", "referral_id", "state", "done_by")
    show_rows("Tasks", columns, rows, as_json=as_json)


@tasks.command("done")
def done(
    task_id: Annotated[UUID, typer.Argument(help="The task's id.")],
    by: Actor = None,
    url: NotificationsUrl = None,
    as_json: AsJson = False,
) -> None:
    """Mark a task as done. For bad_number and endpoint_gone it says that the address works again."""
    path = f"/v1/tasks/{task_id}/done"
    task = Api("notifications", url).call("POST", path, actor=actor_or_me(by))
    show_one("Done", task, as_json=as_json)
