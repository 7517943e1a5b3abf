"""`referral-loop simulate`: stand-ins for the outside, on this machine only; never in production."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from embedded.cli import late
from embedded.cli.options import AsJson
from embedded.cli.output import PARTIAL, WRONG_USAGE, err, fail, show_rows
from emr_bridge.settings import Settings as EmrBridge
from simulators.emr import EmrClient, EmrServer, NoAnswerError
from simulators.emr.app import run as run_emr
from simulators.emr.messages import BUILDERS, Envelope
from simulators.emr.samples import numbered
from simulators.loopback import LOOPBACK

app = typer.Typer(no_args_is_help=True)

Port = Annotated[int, typer.Option("--port", help="TCP port on loopback.")]


@app.command("fax-gateway")
def gateway(
    folder: Annotated[Path, typer.Option(help="Where faxes are kept, as PDF and PNG.")] = Path(
        "var/simulated-faxes"
    ),
    port: Port = 9100,
    answer_after: Annotated[float, typer.Option(help="Seconds that a dial takes.")] = 0.2,
    as_json: AsJson = False,
) -> None:
    """Run a fax gateway until Ctrl-C; it prints the settings that point `serve` at it."""
    account = late.fax_gateway.Account()
    told = {
        "NOTIFICATIONS_SINCH_BASE_URL": f"http://{LOOPBACK}:{port}",
        "NOTIFICATIONS_SINCH_PROJECT_ID": account.project_id,
        "NOTIFICATIONS_SINCH_KEY_ID": account.key_id,
        "NOTIFICATIONS_SINCH_KEY_SECRET": account.key_secret,
        "NOTIFICATIONS_FAX_FROM_NUMBER": "+13125550198",
    }
    _tell("fax gateway", told, as_json=as_json)
    late.fax_gateway.run(folder, account, host=LOOPBACK, port=port, answer_after=answer_after)


@app.command("emr")
def receiver_emr(
    port: Port = 9101,
    control_port: Annotated[int, typer.Option(help="Port of its HTTP control API.")] = 9102,
    as_json: AsJson = False,
) -> None:
    """Run an EMR that receives over MLLP and answers AA, until Ctrl-C."""
    told = {"mllp": f"{LOOPBACK}:{port}", "control": f"http://{LOOPBACK}:{control_port}"}
    _tell("EMR", told, as_json=as_json)
    run_emr(EmrServer(host=LOOPBACK, port=port), host=LOOPBACK, control_port=control_port)


@app.command("webhook-receiver")
def receiver(
    port: Port = 9103,
    secret: Annotated[str | None, typer.Option(help="whsec_…; made where not given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run a webhook receiver that checks signatures, until Ctrl-C."""
    used = secret or late.webhook_receiver.new_secret()
    told = {
        "url": f"http://{LOOPBACK}:{port}/hook",
        "secret": used,
        "NOTIFICATIONS_WEBHOOK_ALLOW_LOOPBACK": "true",
    }
    _tell("webhook receiver", told, as_json=as_json)
    late.webhook_receiver.run(used, host=LOOPBACK, port=port)


@app.command("send")
def send(
    kind: Annotated[str, typer.Option(help=f"One of {', '.join(BUILDERS)}.")] = "REF^I12",
    count: Annotated[int, typer.Option(min=1, help="How many messages.")] = 1,
    first: Annotated[int, typer.Option(min=1, help="Number of the first sample.")] = 1,
    port: Annotated[
        int | None, typer.Option(help="TCP port on loopback; else EMR_BRIDGE_MLLP_PORT.")
    ] = None,
    sending: Annotated[
        str, typer.Option(help="MSH-3|MSH-4, as the clinic's link has them.")
    ] = "ZZEMR|ZZCLINIC",
    as_json: AsJson = False,
) -> None:
    """Send synthetic messages over one link; exit 4 when one is not answered AA."""
    application, bar, facility = sending.partition("|")
    if kind not in BUILDERS or not bar:
        raise fail(
            f"--kind is one of {', '.join(BUILDERS)}; --sending is MSH-3|MSH-4", code=WRONG_USAGE
        )
    numbers = range(first, first + count)
    port = port or EmrBridge().mllp_port
    try:
        rows = asyncio.run(_send(port, kind, numbers, (application, facility)))
    except (OSError, NoAnswerError) as error:
        told = f"no answer on MLLP {LOOPBACK}:{port} ({type(error).__name__}); is it running?"
        raise fail(told) from error
    show_rows("Answers", ("control_id", "code", "text"), rows, as_json=as_json)
    if any(row["code"] != "AA" for row in rows):
        raise typer.Exit(PARTIAL)


async def _send(
    port: int, kind: str, numbers: range, sending: tuple[str, str]
) -> list[dict[str, Any]]:
    rows = []
    async with EmrClient(LOOPBACK, port) as client:
        for number in numbers:
            now = datetime.now(UTC)
            control_id = f"ZZ{now:%d%H%M%S%f}{number:06d}"[:20]
            envelope = Envelope(control_id=control_id, sent_at=now, sending=sending)
            rows.append(_answer(await client.send(BUILDERS[kind](numbered(number), envelope))))
    return rows


def _answer(ack: bytes) -> dict[str, Any]:
    segments = ack.decode("utf-8", errors="replace").split("\r")
    said = next(segment for segment in segments if segment.startswith("MSA")).split("|")
    return {"control_id": said[2], "code": said[1], "text": said[3] if len(said) > 3 else ""}


def _tell(what: str, told: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(told))
        return
    err.print(f"{what}, until Ctrl-C")
    for name, value in told.items():
        typer.echo(f"{name}={value}")
