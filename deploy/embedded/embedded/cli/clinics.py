"""`referral-loop clinics`: the clinics that we keep our word to."""

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from embedded.cli.client import DEFAULT_URL, call
from embedded.cli.output import FAILED, err, out, show_json, show_rows

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
    results = [import_one(url, clinic) for clinic in read_clinics(file.read_text())]
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


def read_clinics(text: str) -> list[dict[str, Any]]:
    """Return the clinics in a file; leaves with an explanation when it is not one."""
    content = yaml.safe_load(text)
    clinics = content.get("clinics") if isinstance(content, dict) else None
    if not isinstance(clinics, list) or not all(isinstance(c, dict) and "id" in c for c in clinics):
        err.print("[red]the file needs a list `clinics:`, each with an `id`[/red]")
        raise typer.Exit(FAILED)
    return clinics


def import_one(url: str, clinic: dict[str, Any]) -> Any:
    """Put one clinic."""
    body = {key: value for key, value in clinic.items() if key != "id"}
    return call("PUT", f"{url}/v1/clinics/{clinic['id']}", body=body)
