"""`referral-loop deliveries`: what was tried to tell clinics, and sending once more."""

from typing import Annotated
from uuid import UUID

import typer

from embedded.cli.client import Api, actor_or_me
from embedded.cli.options import Actor, AsJson, Clinic, Limit, NotificationsUrl, Referral, Yes
from embedded.cli.output import err, show_one, show_rows

app = typer.Typer(no_args_is_help=True)

DeliveryId = Annotated[UUID, typer.Argument(help="The delivery's id.")]
WITHHELD = {"request_reason"}
"""Words of a person: they may name a patient."""


@app.command("list")
def list_all(
    state: Annotated[str | None, typer.Option("--state", help="Such as queued, failed.")] = None,
    channel: Annotated[str | None, typer.Option("--channel", help="fax, emr, webhook.")] = None,
    clinic: Clinic = None,
    referral: Referral = None,
    limit: Limit = 50,
    url: NotificationsUrl = None,
    as_json: AsJson = False,
) -> None:
    """List deliveries, newest first."""
    where = {"state": state, "channel": channel, "clinic_id": clinic, "referral_id": referral}
    rows = Api("notifications", url).listed("/v1/deliveries", where, limit=limit)
    columns = ("id", "created_at", "clinic_id", "channel", "state", "attempts", "reason", "code")
    show_rows("Deliveries", columns, rows, as_json=as_json)


@app.command("show")
def show(delivery_id: DeliveryId, url: NotificationsUrl = None, as_json: AsJson = False) -> None:
    """Show a delivery and each of its attempts."""
    found = Api("notifications", url).get(f"/v1/deliveries/{delivery_id}")
    told = {name: value for name, value in found.items() if name not in WITHHELD}
    if as_json:
        show_one("Delivery", told, as_json=True)
        return
    tries = told.pop("tries")
    show_one("Delivery", told, as_json=False)
    columns = ("number", "started_at", "ended_at", "outcome", "code", "pages_ok", "far_id")
    show_rows("Attempts", columns, tries, as_json=False)


@app.command("resend")
def resend(
    delivery_id: DeliveryId,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the audit trail.")],
    confirm_again: Annotated[
        bool, typer.Option("--confirm-again", help="Even if the clinic has confirmed it.")
    ] = False,
    by: Actor = None,
    yes: Yes = False,
    url: NotificationsUrl = None,
    as_json: AsJson = False,
) -> None:
    """Send a notice once more by the same channel."""
    api = Api("notifications", url)
    if not yes:
        show(delivery_id, url, as_json=as_json)
        err.print("a dry run: add --yes to send it again")
        return
    body = {"reason": reason, "confirm_again": confirm_again}
    path = f"/v1/deliveries/{delivery_id}/resend"
    begun = api.call("POST", path, body=body, actor=actor_or_me(by))
    show_one("Begun", {name: begun[name] for name in NEW}, as_json=as_json)


NEW = ("id", "notice_id", "channel", "series", "state")
