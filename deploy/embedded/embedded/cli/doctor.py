"""`referral-loop doctor`: what is reachable, what is off, and what to do about it."""

from typing import Annotated

import typer

from embedded.cli import late
from embedded.cli.options import AsJson
from embedded.cli.output import PARTIAL, out, show_json, show_rows

URL_HELP = (
    "Where the three APIs answer below their names; else the variables, else embedded mode's."
)


def doctor(
    url: Annotated[str | None, typer.Option("--url", help=URL_HELP)] = None,
    as_json: AsJson = False,
) -> None:
    """Look at everything; exit 4 when something is off."""
    findings = list(late.everything.look(url))
    off = [finding for finding in findings if finding.is_off]
    if as_json:
        show_json([finding.row() for finding in findings])
    else:
        rows = [finding.row() for finding in findings]
        show_rows("Looked at", ("state", "place", "check", "told", "todo"), rows, as_json=False)
        out.print(f"{len(off)} of {len(findings)} off" if off else "all is well")
    if off:
        raise typer.Exit(PARTIAL)
