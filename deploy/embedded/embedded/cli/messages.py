"""`referral-loop messages`: HL7 v2 messages, received and sent: by their marks, and as a sheet."""

from pathlib import Path
from typing import Annotated, Any

import typer

from embedded.cli.client import Api, actor_or_me, patient_data_token
from embedded.cli.options import Actor, AsJson, BridgeUrl, Clinic, Limit, MessageId, Referral
from embedded.cli.output import WRONG_USAGE, fail, show_json, show_one, show_rows, write_message
from embedded.hl7 import printing
from emr_bridge.formats.hl7v2.naming import Cell, Line

app = typer.Typer(no_args_is_help=True)

COLUMNS = ("id", "at", "sender", "link_id", "control_id", "message_type", "state", "reason")
US = "(us)"
"""The sender of what we send, in a table."""


@app.command(
    "list",
    epilog="Examples: `messages list --state review` · `messages list --placer PO-7781` · "
    "`messages list --link north/epic --since 2026-03-02T00:00:00Z`",
)
def list_all(  # noqa: PLR0913 - one parameter per option
    control_id: Annotated[str | None, typer.Option("--control-id", help="MSH-10.")] = None,
    sender: Annotated[str | None, typer.Option("--sender", help="MSH-3|MSH-4.")] = None,
    kind: Annotated[str | None, typer.Option("--type", help="MSH-9, such as REF^I12.")] = None,
    state: Annotated[str | None, typer.Option("--state", help="Such as refused.")] = None,
    link: Annotated[str | None, typer.Option("--link", help="Only this link's.")] = None,
    direction: Annotated[str | None, typer.Option("--direction", help="received or sent.")] = None,
    placer: Annotated[
        str | None, typer.Option("--placer", help="The sender's order or referral number.")
    ] = None,
    patient: Annotated[
        str | None, typer.Option("--patient", help="A number of the patient; noted in the audit.")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", help="From this time on (ISO).")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Before this time (ISO).")] = None,
    clinic: Clinic = None,
    referral: Referral = None,
    limit: Limit = 50,
    by: Actor = None,
    url: BridgeUrl = None,
    as_json: AsJson = False,
) -> None:
    """List messages, newest first; the sender of one that we send is (us)."""
    where = {"control_id": control_id, "sender": sender, "state": state, "link_id": link}
    where |= {"direction": direction, "clinic_id": clinic, "referral_id": referral}
    where |= {"since": since, "until": until}
    api = Api("emr-bridge", url)
    if patient is None:
        where |= {"type": kind, "placer_number": placer}
        rows = api.listed("/v1/messages", where, limit=limit)
    else:
        if placer is not None:
            raise fail("--placer and --patient cannot be asked for together", code=WRONG_USAGE)
        rows = _of_patient(api, patient, where | {"message_type": kind}, limit, actor_or_me(by))
    shown = rows if as_json else [as_shown(row) for row in rows]
    show_rows("Messages", COLUMNS, shown, as_json=as_json)


@app.command("show")
def show(message: MessageId, url: BridgeUrl = None, as_json: AsJson = False) -> None:
    """Show what is known of a message and what became of it."""
    found = Api("emr-bridge", url).get(f"/v1/messages/{message}")
    show_one("Message", found, as_json=as_json)


@app.command("read", epilog='Example: `messages read 01955… --reveal --reason "the clinic asked"`')
def read(
    message: MessageId,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show patient data too.")] = False,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Why; kept, sealed, in the audit.")
    ] = None,
    by: Actor = None,
    url: BridgeUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show a message as tables: names of fields, meanings of codes. The look is noted."""
    if reveal and not reason:
        raise fail("--reveal shows patient data: say why with --reason", code=WRONG_USAGE)
    sheet = Api("emr-bridge", url).call(
        "GET",
        f"/v1/messages/{message}/segments",
        params={"reveal": str(reveal).lower()},
        actor=actor_or_me(by),
        headers=_why(reason),
    )
    if as_json:
        show_json(sheet)
        return
    for line in sheet["segments"]:
        printing.print_line(_line(line))


@app.command("raw")
def raw(
    message: MessageId,
    to: Annotated[Path, typer.Option("--to", help="The file to write, a segment per line.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept, sealed, in the audit.")],
    by: Actor = None,
    url: BridgeUrl = None,
    as_json: AsJson = False,
) -> None:
    """Write a message into a file (patient data; the look is noted)."""
    headers = {"X-Actor": actor_or_me(by)} | _why(reason)
    content = Api("emr-bridge", url).content(f"/v1/messages/{message}/raw", headers=headers)
    write_message(to, content, as_json=as_json)


def _of_patient(
    api: Api, patient: str, where: dict[str, Any], limit: int, actor: str
) -> list[dict[str, Any]]:
    asked = {name: value for name, value in where.items() if value is not None}
    body = asked | {"patient_identifier": patient, "limit": min(limit, 200)}
    found: list[dict[str, Any]] = api.call("POST", "/v1/messages/search", body=body, actor=actor)[
        "items"
    ]
    return found


def as_shown(row: dict[str, Any]) -> dict[str, Any]:
    """Return a message as a row of the table, in which its sender tells its direction."""
    return row | {"sender": US if row["direction"] == "sent" else row["sender"]}


def _why(reason: str | None) -> dict[str, str]:
    return ({"X-Reason": reason} if reason else {}) | patient_data_token()


def _line(line: dict[str, Any]) -> Line:
    cells = tuple(Cell(**cell) for cell in line["cells"])
    return Line(line["segment"], line["title"], cells)
