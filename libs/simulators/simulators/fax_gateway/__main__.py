"""`python -m simulators.fax_gateway`: the gateway as a process."""

from pathlib import Path
from typing import Annotated

import typer

from simulators.fax_gateway.app import run
from simulators.fax_gateway.gateway import Account
from simulators.loopback import LOOPBACK

DEFAULT = Account()


def main(
    folder: Annotated[Path, typer.Option(help="Where faxes are kept, as PDF and PNG.")],
    port: Annotated[int, typer.Option(help="TCP port.")] = 9100,
    host: Annotated[str, typer.Option(help="A loopback address.")] = LOOPBACK,
    answer_after: Annotated[float, typer.Option(help="Seconds a dial takes.")] = 0.2,
    credentials: Annotated[
        str, typer.Option(help="projectId:keyId:keySecret that callers must use.")
    ] = f"{DEFAULT.project_id}:{DEFAULT.key_id}:{DEFAULT.key_secret}",
) -> None:
    """Run the fax gateway simulator until it is stopped."""
    parts = credentials.split(":")
    if len(parts) != 3:
        raise typer.BadParameter("expected projectId:keyId:keySecret")
    typer.echo(f"fax gateway simulator on http://{host}:{port}")
    run(folder, Account(*parts), host=host, port=port, answer_after=answer_after)


if __name__ == "__main__":
    typer.run(main)
