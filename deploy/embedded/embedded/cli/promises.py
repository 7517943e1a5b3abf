"""`referral-loop promises`: what clinics are owed, the most pressing first."""

from typing import Annotated, Any

import typer

from embedded.cli.client import Api
from embedded.cli.options import AsJson, Clinic, Limit, NotificationsUrl, Referral
from embedded.cli.output import show_rows

app = typer.Typer(no_args_is_help=True)

PRESSING_FIRST = ("at_risk", "broken", "open", "kept")


@app.command("list")
def list_all(
    state: Annotated[
        list[str] | None, typer.Option("--state", help="Only this state; may be repeated.")
    ] = None,
    clinic: Clinic = None,
    referral: Referral = None,
    limit: Limit = 50,
    url: NotificationsUrl = None,
    as_json: AsJson = False,
) -> None:
    """List promises: at risk, broken, open, kept; the newest first within each."""
    api = Api("notifications", url)
    rows: list[dict[str, Any]] = []
    for each in state or PRESSING_FIRST:
        where = {"state": each, "clinic_id": clinic, "referral_id": referral}
        if len(rows) < limit:
            rows += api.listed("/v1/promises", where, limit=limit - len(rows))
    columns = ("state", "kind", "clinic_id", "due_at", "delivered_at", "referral_id", "notice_id")
    show_rows("Promises", columns, rows, as_json=as_json)
