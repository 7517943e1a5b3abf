"""`python -m simulators.emr`: the EMR as a process, receiving (`serve`) or sending (`send`)."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from simulators.emr.app import run
from simulators.emr.client import EmrClient
from simulators.emr.messages import BUILDERS, Envelope
from simulators.emr.samples import numbered
from simulators.emr.server import EmrServer
from simulators.loopback import LOOPBACK

cli = typer.Typer(no_args_is_help=True, add_completion=False)


@cli.command()
def serve(
    port: Annotated[int, typer.Option(help="TCP port of the MLLP listener.")] = 9101,
    control_port: Annotated[int, typer.Option(help="TCP port of the HTTP control API.")] = 9102,
    host: Annotated[str, typer.Option(help="A loopback address.")] = LOOPBACK,
) -> None:
    """Receive messages and answer by script until stopped."""
    typer.echo(f"EMR simulator on mllp://{host}:{port}, control on http://{host}:{control_port}")
    run(EmrServer(host=host, port=port), host=host, control_port=control_port)


@cli.command()
def send(
    port: Annotated[int, typer.Option(help="TCP port of the MLLP listener to send to.")] = 2575,
    host: Annotated[str, typer.Option(help="A loopback address.")] = LOOPBACK,
    kind: Annotated[str, typer.Option(help=f"One of {', '.join(BUILDERS)}.")] = "REF^I12",
    count: Annotated[int, typer.Option(min=1, help="How many messages.")] = 1,
    first: Annotated[int, typer.Option(min=1, help="Number of the first sample.")] = 1,
) -> None:
    """Send sample messages over one link and print their ACKs."""
    if kind not in BUILDERS:
        raise typer.BadParameter(f"expected one of {', '.join(BUILDERS)}")
    asyncio.run(_send(host, port, kind, range(first, first + count)))


async def _send(host: str, port: int, kind: str, numbers: range) -> None:
    async with EmrClient(host, port) as client:
        for number in numbers:
            now = datetime.now(UTC)
            envelope = Envelope(control_id=f"ZZMSG{now:%Y%m%d%H%M%S}{number:06d}", sent_at=now)
            ack = await client.send(BUILDERS[kind](numbered(number), envelope))
            typer.echo(ack.decode("utf-8", errors="replace").replace("\r", "\n"))


if __name__ == "__main__":
    cli()
