"""`python -m simulators.webhook_receiver`: the receiver as a process."""

from typing import Annotated

import typer

from simulators.loopback import LOOPBACK
from simulators.webhook_receiver.app import run
from simulators.webhook_receiver.receiver import new_secret


def main(
    port: Annotated[int, typer.Option(help="TCP port.")] = 9103,
    host: Annotated[str, typer.Option(help="A loopback address.")] = LOOPBACK,
    secret: Annotated[str, typer.Option(help="whsec_...; made and printed when empty.")] = "",
) -> None:
    """Run the webhook receiver simulator until it is stopped."""
    used = secret or new_secret()
    typer.echo(f"webhook receiver simulator on http://{host}:{port}, secret {used}")
    run(used, host=host, port=port)


if __name__ == "__main__":
    typer.run(main)
