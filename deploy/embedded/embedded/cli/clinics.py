"""`referral-loop clinics`: the clinics that we keep our word to."""

from pathlib import Path
from typing import Annotated, Any

import typer

from common.errors import Invalid
from embedded.cli.client import DEFAULT_URL, call
from embedded.cli.output import FAILED, err, out, show_json, show_rows
from embedded.clinic_file import body_of, read_clinics

app = typer.Typer(help="Clinics: import from a file, list.", no_args_is_help=True)

Url = Annotated[str, typer.Option("--url", help="Where the intake API answers.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="YAML with a list under `clinics:`.", exists=True)],
    url: Url = f"{DEFAULT_URL}/intake",
    as_json: AsJson = False,
) -> None:
    """Register or update every clinic in FILE. Doing so twice changes nothing."""
    try:
        clinics = read_clinics(file.read_text())
    except Invalid as error:
        err.print(f"[red]{error}[/red]")
        raise typer.Exit(FAILED) from error
    results = [import_one(url, clinic) for clinic in clinics]
    if as_json:
        show_json(results)
        return
    for clinic in results:
        out.print(f"{clinic['id']}: version {clinic['version']}")


@app.command("list")
def list_all(url: Url = f"{DEFAULT_URL}/intake", as_json: AsJson = False) -> None:
    """List the clinics."""
    page = call("GET", f"{url}/v1/clinics")
    if as_json:
        show_json(page)
        return
    rows = [(c["id"], c["name"], ", ".join(c["channels"]), c["time_zone"]) for c in page["items"]]
    show_rows("Clinics", ("id", "name", "channels", "time zone"), rows)


def import_one(url: str, clinic: dict[str, Any]) -> Any:
    """Put one clinic."""
    return call("PUT", f"{url}/v1/clinics/{clinic['id']}", body=body_of(clinic))
