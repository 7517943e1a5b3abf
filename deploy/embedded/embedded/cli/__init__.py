"""The command line `referral-loop`: starts the system, and asks it by its public APIs and topics."""

import typer

from embedded.cli import clinics, deadletters, events, run

app = typer.Typer(
    name="referral-loop",
    help="Close the loop between clinics and a specialty pharmacy.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
app.add_typer(clinics.app, name="clinics")
app.add_typer(events.app, name="events")
app.add_typer(deadletters.app, name="dead-letters")
app.command("serve")(run.serve)
app.command("migrate")(run.migrate)
app.command("demo")(run.demo)
