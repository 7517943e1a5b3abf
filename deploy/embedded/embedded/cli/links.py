"""`referral-loop links`: how each EMR is reached, what waits on it, and sending again at once."""

from typing import Annotated

import typer

from embedded.cli.client import Api, actor_or_me
from embedded.cli.options import Actor, AsJson, BridgeUrl
from embedded.cli.output import show_one, show_rows

app = typer.Typer(no_args_is_help=True)

LinkId = Annotated[str, typer.Argument(help="The link's id, such as north-clinic/epic.")]
COLUMNS = ("id", "state", "circuit", "depth", "oldest", "parked", "last_answer", "last_error")


@app.command("list")
def list_all(url: BridgeUrl = None, as_json: AsJson = False) -> None:
    """List every link with its state and what waits on it."""
    rows = Api("emr-bridge", url).get("/v1/links")["items"]
    show_rows("Links", COLUMNS, rows, as_json=as_json)


@app.command("show")
def show(link: LinkId, url: BridgeUrl = None, as_json: AsJson = False) -> None:
    """Show one link."""
    show_one("Link", Api("emr-bridge", url).get(f"/v1/links/{link}"), as_json=as_json)


@app.command("resume")
def resume(
    link: LinkId,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the audit.")],
    by: Actor = None,
    url: BridgeUrl = None,
    as_json: AsJson = False,
) -> None:
    """Send again at once: close the circuit, or stop waiting for a person."""
    path = f"/v1/links/{link}/resume"
    body = {"reason": reason}
    told = Api("emr-bridge", url).call("POST", path, body=body, actor=actor_or_me(by))
    show_one("Resumed", told, as_json=as_json)
