"""The command line `referral-loop`: starts the system, and asks it by its public APIs and topics.

It leaves with 0 done, 1 failed, 2 wrong usage, 3 nothing to do, 4 partly done or something is off.
"""

import typer

from embedded.cli.commands import Commands

app = typer.Typer(
    cls=Commands,
    name="referral-loop",
    help="Close the loop between clinics and a specialty pharmacy.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)


@app.callback()
def referral_loop() -> None:
    """Have typer know that this is a group: its commands are in `embedded.cli.commands`."""
