"""The command line `referral-loop`: starts the system, and asks it by its public APIs and topics.

It leaves with 0 done, 1 failed, 2 wrong usage, 3 nothing to do, 4 partly done or something is off.
"""

import typer

from embedded.cli import (
    clinics,
    config,
    deadletters,
    deliveries,
    doctor,
    events,
    hl7,
    lag,
    links,
    messages,
    outbound,
    people,
    promises,
    run,
    simulate,
    topics,
)
from embedded.cli.output import Commands

app = typer.Typer(
    cls=Commands,
    name="referral-loop",
    help="Close the loop between clinics and a specialty pharmacy.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
GROUPS = {
    "clinics": clinics.app,
    "config": config.app,
    "dead-letters": deadletters.app,
    "deliveries": deliveries.app,
    "events": events.app,
    "hl7": hl7.app,
    "links": links.app,
    "messages": messages.app,
    "outbound": outbound.app,
    "promises": promises.app,
    "reviews": people.reviews,
    "simulate": simulate.app,
    "tasks": people.tasks,
    "topics": topics.app,
}
for name, group in GROUPS.items():
    app.add_typer(group, name=name)
app.command("serve")(run.serve)
app.command("migrate")(run.migrate)
app.command("lag")(lag.lag)
app.command("doctor")(doctor.doctor)
app.command("demo")(run.demo)
