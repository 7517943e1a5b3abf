"""`referral-loop outbound`: messages that we send to EMRs, and what to do with one that is parked."""

from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from embedded.cli.client import Api, actor_or_me, patient_data_token
from embedded.cli.options import Actor, AsJson, BridgeUrl, Clinic, Limit, MessageId, Referral
from embedded.cli.output import show_one, show_rows, write_message

app = typer.Typer(no_args_is_help=True)

Reason = Annotated[str, typer.Option("--reason", help="Why; kept, sealed, in the audit.")]
COLUMNS = (
    "id",
    "created_at",
    "link_id",
    "message_type",
    "notice",
    "state",
    "last_code",
    "overtaken",
)


@app.command("list")
def list_all(
    state: Annotated[
        str, typer.Option("--state", help="parked, waiting, delivered, …; all.")
    ] = "parked",
    link: Annotated[str | None, typer.Option("--link", help="Only this link's.")] = None,
    clinic: Clinic = None,
    referral: Referral = None,
    limit: Limit = 50,
    url: BridgeUrl = None,
    as_json: AsJson = False,
) -> None:
    """List messages, newest first: those that are parked unless told otherwise."""
    where = {"state": None if state == "all" else state, "link_id": link}
    where |= {"clinic_id": clinic, "referral_id": referral}
    rows = Api("emr-bridge", url).listed("/v1/outbound", where, limit=limit)
    show_rows("Messages to EMRs", COLUMNS, rows, as_json=as_json)


@app.command("show")
def show(message: MessageId, url: BridgeUrl = None, as_json: AsJson = False) -> None:
    """Show a message with each attempt, in codes."""
    _show("Message", Api("emr-bridge", url).get(f"/v1/outbound/{message}"), as_json=as_json)


@app.command("raw")
def raw(
    message: MessageId,
    to: Annotated[Path, typer.Option("--to", help="The file to write, a segment per line.")],
    reason: Annotated[
        str, typer.Option("--reason", help="Why; kept, sealed, in the audit.")
    ] = "to see what a parked message says",
    by: Actor = None,
    url: BridgeUrl = None,
    as_json: AsJson = False,
) -> None:
    """Write a message into a file, to be read or edited (patient data; the look is noted)."""
    headers = {"X-Actor": actor_or_me(by), "X-Reason": reason} | patient_data_token()
    content = Api("emr-bridge", url).content(f"/v1/outbound/{message}/raw", headers=headers)
    write_message(to, content, as_json=as_json)


@app.command("edit")
def edit(
    message: MessageId,
    source: Annotated[
        Path, typer.Option("--from", exists=True, dir_okay=False, help="The edited file.")
    ],
    reason: Reason,
    by: Actor = None,
    url: BridgeUrl = None,
    as_json: AsJson = False,
) -> None:
    """Send a parked message as edited, under a new MSH-10; what it said before is kept."""
    body = {"reason": reason, "message": _text(source.read_bytes())}
    _decide(message, "edit", body, by=by, url=url, as_json=as_json)


@app.command("replay")
def replay(
    message: MessageId,
    reason: Reason,
    by: Actor = None,
    url: BridgeUrl = None,
    as_json: AsJson = False,
) -> None:
    """Send a parked message once more: the same bytes under the same MSH-10."""
    _decide(message, "replay", {"reason": reason}, by=by, url=url, as_json=as_json)


@app.command("give-up")
def give_up(
    message: MessageId,
    reason: Reason,
    by: Actor = None,
    url: BridgeUrl = None,
    as_json: AsJson = False,
) -> None:
    """Leave a parked message: the clinic's next channel has the notice since it was parked."""
    _decide(message, "give-up", {"reason": reason}, by=by, url=url, as_json=as_json)


def _text(raw: bytes) -> str:
    """Return an edited file's text: in UTF-8, or in the Western charset of an older link."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def _decide(
    message: UUID,
    verb: str,
    body: dict[str, str],
    *,
    by: str | None,
    url: str | None,
    as_json: bool,
) -> None:
    path = f"/v1/outbound/{message}/{verb}"
    told = Api("emr-bridge", url).call("POST", path, body=body, actor=actor_or_me(by))
    _show("Decided", told, as_json=as_json)


def _show(title: str, told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_one(title, told, as_json=True)
        return
    tried, revisions = told.pop("tried"), told.pop("revisions")
    show_one(title, told, as_json=False)
    show_rows("Attempts", ("number", "started_at", "ended_at", "verdict"), tried, as_json=False)
    if revisions:
        columns = ("number", "control_id", "replaced_at", "replaced_by")
        show_rows("Before it was edited", columns, revisions, as_json=False)
