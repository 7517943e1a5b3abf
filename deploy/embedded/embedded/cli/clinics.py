"""`referral-loop clinics`: the clinics that we keep our word to."""

from pathlib import Path
from typing import Annotated, Any

import typer

from common.errors import Invalid
from embedded.cli.client import Api
from embedded.cli.options import AsJson, IntakeUrl, Limit
from embedded.cli.output import NOTHING_TO_DO, fail, hint, show_one, show_rows
from embedded.clinic_file import body_of, read_clinics

app = typer.Typer(no_args_is_help=True)


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="YAML with a list under `clinics:`.", exists=True)],
    url: IntakeUrl = None,
    as_json: AsJson = False,
) -> None:
    """Register or update every clinic in FILE. Doing so twice changes nothing."""
    try:
        clinics = read_clinics(file.read_text())
    except Invalid as error:
        raise fail(str(error)) from error
    if not clinics:
        raise fail(f"{file} names no clinic", code=NOTHING_TO_DO)
    results = [import_one(Api("intake", url), clinic) for clinic in clinics]
    show_rows("Imported", ("id", "version"), results, as_json=as_json)
    for clinic in results:
        for warning in clinic["warnings"]:
            hint(f"clinic {clinic['id']}: channel {warning['channel']} has {warning['lacks']}")


@app.command("list")
def list_all(url: IntakeUrl = None, limit: Limit = 200, as_json: AsJson = False) -> None:
    """List the clinics."""
    rows = Api("intake", url).listed("/v1/clinics", {}, limit=limit)
    columns = ("id", "name", "channels", "time_zone", "baa_signed_on", "version")
    show_rows("Clinics", columns, rows, as_json=as_json)


@app.command("show")
def show(
    clinic_id: Annotated[str, typer.Argument(help="The clinic's id.")],
    url: IntakeUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show everything that is known of a clinic; its webhook's secret is never told."""
    clinic = Api("intake", url).get(f"/v1/clinics/{clinic_id}")
    show_one(clinic_id, clinic, as_json=as_json)


def import_one(api: Api, clinic: dict[str, Any]) -> Any:
    """Put one clinic."""
    return api.call("PUT", f"/v1/clinics/{clinic['id']}", body=body_of(clinic))
