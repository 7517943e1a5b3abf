"""`referral-loop messages`: HL7 v2 messages as they came in. Never what they say."""

from typing import Annotated
from uuid import UUID

import typer

from embedded.cli.client import Api
from embedded.cli.options import AsJson, BridgeUrl, Clinic, Limit
from embedded.cli.output import show_one, show_rows

app = typer.Typer(help="Messages that EMRs sent: list, show.", no_args_is_help=True)


@app.command("list")
def list_all(  # noqa: PLR0913 - one parameter per option
    control_id: Annotated[str | None, typer.Option("--control-id", help="MSH-10.")] = None,
    sender: Annotated[str | None, typer.Option("--sender", help="MSH-3|MSH-4.")] = None,
    kind: Annotated[str | None, typer.Option("--type", help="MSH-9, such as REF^I12.")] = None,
    state: Annotated[str | None, typer.Option("--state", help="Such as refused.")] = None,
    clinic: Clinic = None,
    limit: Limit = 50,
    url: BridgeUrl = None,
    as_json: AsJson = False,
) -> None:
    """List messages, newest first."""
    where = {"control_id": control_id, "sender": sender, "type": kind, "state": state}
    where["clinic_id"] = clinic
    rows = Api("emr-bridge", url).listed("/v1/messages", where, limit=limit)
    columns = ("id", "received_at", "sender", "control_id", "message_type", "state", "reason")
    show_rows("Messages", columns, rows, as_json=as_json)


@app.command("show")
def show(
    message_id: Annotated[UUID, typer.Argument(help="The message's id.")],
    url: BridgeUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show what is known of a message and what became of it."""
    message = Api("emr-bridge", url).get(f"/v1/messages/{message_id}")
    show_one("Message", message, as_json=as_json)
